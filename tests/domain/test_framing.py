import numpy as np
import pytest
from benchmarks.hand import trace, write
from scipy import ndimage

from penstroke.domain.framing import NoInkError, find_ink, frame_ink, frame_picture, place_digits

from .rows import frame_of_base

SIDE = 300


@pytest.fixture(scope="module")
def frame():
    return frame_of_base()


@pytest.fixture(scope="module")
def frame_of_mnist(frame):
    changes = {"rows": 28, "columns": 28, "tall": 20, "wide": 20, "narrowest": 1.0}
    return frame.model_copy(update=changes | {"centre_of_mass": True, "thinnest": 2.0, "thickest": 3.5})


def _ink(digit=5, *, side=SIDE, tall=0.5, pen=0.06, place=(0.5, 0.5)):
    """Draw a digit; all lengths are shares of the side."""
    strokes = write(digit, np.random.default_rng(0))
    return trace(strokes, side, tall * side, pen * side, (place[0] * side, place[1] * side))


def _picture(ink, pen=(0.0, 0.0, 0.0, 1.0), paper=(1.0, 1.0, 1.0, 1.0)):
    """Colour ink; pen and paper are red, green, blue, each times opacity, and opacity."""
    share = ink[..., None]
    return (np.float32(paper) * (1 - share) + np.float32(pen) * share).astype(np.float32)


def _apart(one, other):
    """Say how far two images are apart on the mean, 0 to 1."""
    return np.abs(one - other).mean()


@pytest.fixture(scope="module")
def plain(frame):
    return frame_picture(_picture(_ink()), frame)


@pytest.mark.parametrize(
    ("pen", "paper"),
    [
        ((1, 1, 1, 1), (0, 0, 0, 1)),
        ((0.1, 0.2, 0.6, 1), (0.9, 0.9, 0.7, 1)),
        ((1, 0, 0, 1), (0, 0.3, 0, 1)),
        ((0.85, 0.85, 0.85, 1), (1, 1, 1, 1)),
        ((0, 0, 0, 1), (0, 0, 0, 0)),
        ((1, 1, 1, 1), (0, 0, 0, 0)),
        ((0.25, 0.25, 0.25, 0.5), (0, 0, 0, 0)),
        ((0, 0, 0, 0), (1, 1, 1, 1)),
    ],
    ids=[
        "chalk",
        "blue",
        "red on green",
        "faint",
        "black on nothing",
        "white on nothing",
        "thin on nothing",
        "cut out",
    ],
)
def test_colours_and_opacity_make_no_difference(frame, plain, pen, paper):
    assert _apart(frame_picture(_picture(_ink(), pen, paper), frame), plain) < 0.01


@pytest.mark.parametrize("side", [60, 120, 300, 700])
def test_the_size_of_the_picture_makes_no_difference(frame, plain, side):
    assert _apart(frame_picture(_picture(_ink(side=side)), frame), plain) < 0.04


@pytest.mark.parametrize("tall", [0.15, 0.3, 0.8])
@pytest.mark.parametrize("place", [(0.5, 0.5), (0.45, 0.55)])
def test_the_size_and_place_of_the_digit_make_no_difference(frame, plain, tall, place):
    drawn = _ink(tall=tall, pen=0.12 * tall, place=place)

    assert _apart(frame_picture(_picture(drawn), frame), plain) < 0.04


@pytest.mark.parametrize("pen", [0.003, 0.01, 0.03, 0.1])
def test_the_stroke_is_brought_within_its_limits(frame, plain, pen):
    framed = frame_picture(_picture(_ink(pen=pen, side=600)), frame)

    assert _apart(framed, plain) < 0.12
    assert framed.sum() == pytest.approx(plain.sum(), rel=0.25)


def test_the_digit_fills_the_frame_of_the_shipped_digits(plain):
    assert (plain.max(axis=1) > 0.3).all()  # all rows
    assert (plain.max(axis=0)[1:7] > 0.3).all()  # and the columns inside
    assert plain[:, [0, 7]].max() < 0.5


def test_the_centre_of_mass_comes_to_the_middle_of_the_frame_of_mnist(frame_of_mnist):
    for digit in range(10):
        framed = frame_picture(_picture(_ink(digit)), frame_of_mnist)
        inked = np.flatnonzero((framed > 0.5).any(axis=1))

        np.testing.assert_allclose(ndimage.center_of_mass(framed), 13.5, atol=0.7)
        assert 18 <= inked[-1] + 1 - inked[0] <= 22


def test_a_digit_that_has_the_frame_already_keeps_it(frame_of_mnist):
    strokes = write(3, np.random.default_rng(0))
    framed = place_digits(trace(strokes, 280, 180, 25, (140, 140))[None], frame_of_mnist)[0]

    again = frame_picture(_picture(framed, (1, 1, 1, 1), (0, 0, 0, 1)), frame_of_mnist)

    assert _apart(again, framed) < 0.03


def test_a_wide_digit_is_pressed_together_as_far_as_it_may_be_and_then_made_smaller(frame):
    as_it_is = frame.model_copy(update={"thickest": 99.0})
    wide = np.zeros((100, 300))
    wide[10:90, 10:290] = 1

    rows, columns = (np.flatnonzero(place_digits(wide[None], as_it_is)[0].max(axis=axis) > 0.5) for axis in (1, 0))

    assert len(columns) == 6
    assert len(rows) == 4  # 3.4 rows in form, twice as many were it pressed to a half, which is made to fit


@pytest.mark.parametrize("digit", range(10))
def test_light_from_one_side_and_a_shadow_make_no_difference(frame, digit):
    ink = _ink(digit)
    down, across = np.indices(ink.shape) / SIDE
    light = 0.95 - 0.5 * across - 0.3 * np.exp(-((across - 0.7) ** 2 + (down - 0.3) ** 2) / 0.1)
    lit = _picture(ink * 0.8) * np.float32(light)[..., None]
    lit[..., 3] = 1

    assert _apart(frame_picture(lit, frame), frame_picture(_picture(ink), frame)) < 0.03


def test_noise_and_specks_make_little_difference(frame, plain):
    generator = np.random.default_rng(0)
    dirty = _picture(_ink() * 0.8) + generator.normal(0, 0.08, (SIDE, SIDE, 1))
    for row, column in generator.integers(10, SIDE - 10, (20, 2)):
        dirty[row : row + 2, column : column + 2] = 0

    assert _apart(frame_picture(dirty.astype(np.float32), frame), plain) < 0.04


def test_the_black_edge_of_a_scan_is_not_ink(frame, plain):
    scan = _picture(_ink())
    scan[:, :8] = scan[-6:] = (0, 0, 0, 1)

    assert _apart(frame_picture(scan, frame), plain) < 0.01


def test_a_sheet_on_a_table_is_read_for_itself(frame, plain):
    table = np.full((500, 500, 4), 0.3, np.float32) + np.random.default_rng(0).normal(0, 0.03, (500, 500, 1))
    table[100:400, 90:390] = _picture(_ink() * 0.8)

    assert _apart(frame_picture(table.astype(np.float32), frame), plain) < 0.02


def test_a_stroke_of_two_pieces_is_kept_whole(frame):
    strokes = write(5, np.random.default_rng(0))
    parted = [strokes[0][:40], *strokes[1:]] if len(strokes) > 2 else strokes
    ink = trace(parted, SIDE, 150, 12, (150, 150))

    _, pieces = ndimage.label(find_ink(_picture(ink), frame).ink > 0.5)

    assert pieces == ndimage.label(ink > 0.5)[1]


@pytest.mark.parametrize(
    "picture",
    [
        np.ones((50, 50, 4)),
        np.zeros((300, 300, 4)),
        np.ones((300, 300, 4)) * np.linspace(0.3, 1, 300)[:, None, None],
        np.random.default_rng(0).uniform(0, 1, (300, 300, 4)),
        0.9 + np.random.default_rng(0).normal(0, 0.02, (200, 200, 4)),
    ],
    ids=["white", "nothing", "shading", "noise", "grainy paper"],
)
def test_where_there_is_no_ink_that_is_said(frame, picture):
    with pytest.raises(ValueError, match="there is no ink"):
        frame_picture(picture.astype(np.float32), frame)


def test_a_picture_of_which_a_large_part_is_something_else_is_refused(frame):
    picture = _picture(_ink())
    picture[20:150, 160:290] = (0, 0, 0, 1)

    with pytest.raises(ValueError, match="neither paper nor ink"):
        frame_picture(picture, frame)


def _line(*points, pen=0.02):
    """Draw straight lines through points; all lengths are shares of the side."""
    return trace([np.array(points)], SIDE, SIDE, pen * SIDE, (0, 0))


def _ring(radius):
    turns = np.linspace(0, 6.5, 80)
    return _line(*(0.5 + radius * np.stack([np.cos(turns), np.sin(turns)], axis=1)))


BOX = _line((0.12, 0.14), (0.88, 0.12), (0.9, 0.88), (0.1, 0.9), (0.12, 0.14))
DOWN, ACROSS = np.indices((SIDE, SIDE)) / SIDE
THUMB = ((0.8 * DOWN + 0.6 * ACROSS) / 0.45) ** 2 + ((0.8 * ACROSS - 0.6 * DOWN) / 0.2) ** 2 < 1


@pytest.mark.parametrize(
    "shadow",
    [THUMB, (DOWN < 0.3) & (ACROSS < 0.3), (DOWN < 0.75) & (ACROSS < 0.75), DOWN + 0.2 * ACROSS > 0.6],
    ids=["thumb", "corner", "most", "half"],
)
@pytest.mark.parametrize("digit", [0, 4, 5, 7])
def test_a_sharp_shadow_makes_no_difference(frame, digit, shadow):
    ink = _ink(digit, tall=0.4)
    lit = _picture(ink * 0.8) * np.where(shadow, 0.45, 0.9)[..., None].astype(np.float32)
    lit[..., 3] = 1

    assert _apart(frame_picture(lit, frame), frame_picture(_picture(ink), frame)) < 0.04


@pytest.mark.parametrize("round_it", [BOX, _ring(0.42)], ids=["box", "circle"])
@pytest.mark.parametrize("digit", range(10))
def test_a_line_round_a_digit_is_passed_over(frame, digit, round_it):
    ink = _ink(digit)

    assert _apart(frame_picture(_picture(np.maximum(ink, round_it)), frame), frame_picture(_picture(ink), frame)) < 0.01


@pytest.mark.parametrize(
    "dirt",
    [
        _line((0.05, 0.1), (0.13, 0.08)),
        np.maximum(_line((0.06, 0.3), (0.06, 0.301), pen=0.07), _line((0.06, 0.7), (0.06, 0.701), pen=0.07)),
    ],
    ids=["a staple", "holes"],
)
def test_what_is_small_and_far_away_is_passed_over(frame, plain, dirt):
    assert _apart(frame_picture(_picture(np.maximum(_ink(), dirt)), frame), plain) < 0.01


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (_ink(2, tall=0.4, place=(0.75, 0.5)), "more than one"),
        (_ink(0, tall=0.2, place=(0.75, 0.2)), "more than one"),
        (_line((0, 0.5), (1, 0.51), pen=0.01), "line .* from edge to edge"),
        (_line((0.3, 0), (0.31, 1), pen=0.01), "line .* from edge to edge"),
        (_line((0.1, 0.2), (0.5, 0.2), (0.5, 0.7), (0.1, 0.7), (0.1, 0.2)), "box .* touches"),
        (_line((0.2, 0.6), (0.9, 0.61)), "wider than a digit"),
    ],
    ids=["two", "a smaller one", "ruled", "margin", "box", "underlined"],
)
def test_what_is_no_single_digit_is_refused(frame, other, reason):
    picture = np.maximum(_ink(4, tall=0.4, place=(0.3, 0.5)), other)
    if reason.startswith("wider"):
        picture = other

    with pytest.raises(ValueError, match=reason) as refusal:
        frame_picture(_picture(picture), frame)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("digit", [1, 2, 5])
def test_a_digit_too_small_to_show_its_borders_is_looked_at_from_nearer_before_it_is_judged(frame, digit):
    fine = _picture(_ink(digit, side=1500, tall=0.025, pen=0.003))
    coarse = fine.reshape(300, 5, 300, 5, 4).mean((1, 3))

    def look(window):
        top, bottom, left, right = (round(1500 * share) for share in window)
        return fine[top:bottom, left:right]

    near = frame_picture(look((0.46, 0.54, 0.46, 0.54)), frame)
    assert _apart(frame_picture(coarse, frame, look), near) < 0.06


def test_two_digits_one_below_the_other_are_refused(frame):
    picture = np.maximum(_ink(3, tall=0.3, place=(0.5, 0.3)), _ink(5, tall=0.3, place=(0.5, 0.7)))

    with pytest.raises(ValueError, match="more than one digit"):
        frame_picture(_picture(picture), frame)


@pytest.mark.parametrize("gap", [0.02, 0.06])
def test_a_digit_of_two_strokes_that_do_not_touch_is_one(frame, gap):
    bar, rest = (
        _line((0.42, 0.3), (0.65, 0.3)),
        _line((0.4, 0.3 + gap), (0.4, 0.5), (0.6, 0.55), (0.6, 0.7), (0.4, 0.75)),
    )

    ink = find_ink(_picture(np.maximum(bar, rest)), frame).ink

    assert ink[round(0.3 * SIDE), round(0.55 * SIDE)] > 0.9
    assert ink[round(0.4 * SIDE), round(0.4 * SIDE)] > 0.9


@pytest.mark.parametrize("digit", range(10))
def test_a_digit_from_edge_to_edge_is_no_line(frame, digit):
    ink = _ink(digit)
    rows = np.flatnonzero(ink.max(axis=1) > 0.5)
    tall = ink[rows[0] : rows[-1] + 1]

    assert _apart(frame_picture(_picture(tall), frame), frame_picture(_picture(ink), frame)) < 0.04


@pytest.mark.parametrize("paper", [0, 1])
def test_ink_alone_is_framed_like_pictures_of_it(frame, frame_of_mnist, paper):
    ink = np.array([_ink(digit, side=28, tall=0.7, pen=0.12) for digit in range(10)], np.float32)
    specks = ink.copy()
    specks[::3, [3, 24], [2, 25]] = 1
    specks[1, 14, np.flatnonzero(ink[1, 14])[-1] + 2] = 1  # almost touches the digit

    for chosen in (frame, frame_of_mnist):
        framed = frame_ink(np.abs(paper - specks), chosen)
        large = [frame_picture(_picture(_ink(digit, tall=0.7, pen=0.12)), chosen) for digit in range(10)]
        assert framed.shape == (10, chosen.rows, chosen.columns)
        assert _apart(framed, np.array(large)) < 0.03


@pytest.mark.parametrize("shape", [(64, 64), (128, 128), (28, 28), (4, 400), (400, 4)])
def test_a_line_at_the_edge_is_kept(frame, frame_of_mnist, shape):
    lines = np.zeros((4, *shape), np.float32)
    lines[0, :, -1] = lines[1, 0] = lines[2, -1] = lines[3, :, 0] = 1

    for chosen in (frame, frame_of_mnist):
        images = place_digits(lines, chosen)
        assert (images.max((1, 2)) > 0.5).all()
        assert (images.sum((1, 2)) > 0.6 * chosen.thinnest * chosen.wide).all()


def test_a_digit_paler_than_a_mark_beside_it_is_kept(frame, frame_of_mnist):
    image = np.zeros((1, 28, 28), np.float32)
    image[0, 2:26, 12] = 0.5
    image[0, :3, 26:] = 1

    for chosen in (frame, frame_of_mnist):
        assert frame_ink(image, chosen).sum() > 0.8 * chosen.thinnest * chosen.tall


def test_an_image_is_framed_the_same_beside_others(frame):
    images = np.random.default_rng(0).uniform(0, 1, (50, 28, 28)).astype(np.float32) ** 20  # many pieces

    together = frame_ink(images, frame)

    np.testing.assert_array_equal(together, np.concatenate([frame_ink(image[None], frame) for image in images]))


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_an_image_without_ink_is_told_with_its_place(frame, level):
    images = np.full((3, 28, 28), level, np.float32)
    images[:2, 5:20, 12] = 1 - level if level != 0.5 else 1

    with pytest.raises(NoInkError, match="there is no ink") as told:
        frame_ink(images, frame)
    assert told.value.place == 2


@pytest.mark.parametrize("seed", range(40))
def test_whatever_the_ink_is_the_image_is_one(frame, frame_of_mnist, seed):
    """Dots, lines, blocks and dust of any place and length."""
    generator = np.random.default_rng(seed)
    ink = np.zeros(generator.integers(4, 300, 2), np.float32)
    top, left = (generator.integers(side) for side in ink.shape)
    places = [(top, left), (slice(None), left), (top, slice(None)), (slice(top, None), slice(left, None))]
    ink[places[seed % 4]] = generator.choice([0.5, 1])
    if seed % 5 == 0:
        ink[generator.uniform(0, 1, ink.shape) > 0.5] = 1
    if seed % 7 == 0:
        ink = generator.uniform(0, 1, [(4, 400), (400, 4)][seed % 2]).astype(np.float32)

    for chosen in (frame, frame_of_mnist):
        image = place_digits(ink[None], chosen)[0]
        assert image.shape == (chosen.rows, chosen.columns)
        assert 0 <= image.min() <= image.max() <= 1
        assert image.max() > 0.3

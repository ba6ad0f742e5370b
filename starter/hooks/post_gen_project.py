"""Fill the new project: cookiecutter runs this in its folder. All work is done by ``make.py`` beside this folder."""

import json
import sys
from pathlib import Path

answers = json.loads(r"""{{ cookiecutter | jsonify }}""")
starter = Path(answers["_output_dir"], answers["_repo_dir"]).resolve()
sys.path.insert(0, str(starter))

from make import make_project  # noqa: E402

make_project(starter.parent, Path.cwd(), {name: text for name, text in answers.items() if name[0] != "_"})

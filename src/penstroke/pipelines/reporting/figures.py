"""The figures of the report, by Plotly: Kedro-Viz, notebooks and browsers can show them."""

import numpy as np
import pandas as pd
import plotly.express as px
import plotly.graph_objects as go
from sklearn.metrics import confusion_matrix

from penstroke.plots import finish
from penstroke.scoring import Scoring, bin_by_confidence


def draw_confusion(test_predictions: pd.DataFrame) -> go.Figure:
    """Draw the confusion matrix of the test rows. Right predictions have no colour, so that mistakes stand out."""
    classes = sorted(set(test_predictions["label"]) | set(test_predictions["prediction"]))
    counts = confusion_matrix(test_predictions["label"], test_predictions["prediction"], labels=classes)
    mistakes = np.where(np.eye(len(classes), dtype=bool), 0, counts)
    figure = px.imshow(
        mistakes,
        x=list(map(str, classes)),
        y=list(map(str, classes)),
        color_continuous_scale="Reds",
        zmin=0,
        zmax=max(1, mistakes.max()),
    )
    figure.update_traces(
        text=counts,
        texttemplate="%{text}",
        hovertemplate="label %{y}, answer %{x}: %{text} rows<extra></extra>",
    )
    figure.update_coloraxes(showscale=False)
    figure.update_xaxes(type="category", dtick=1).update_yaxes(type="category", dtick=1)  # classes may be 7 and 300
    return finish(figure, "Labels and answers of the test rows", "answer", "label")


def draw_calibration(test_predictions: pd.DataFrame, scoring: Scoring) -> go.Figure:
    """Draw accuracy against confidence. A calibrated model lies on the diagonal; the size of a point shows its rows."""
    bins = bin_by_confidence(test_predictions, scoring.calibration_bins)
    figure = px.scatter(bins, x="confidence", y="accuracy", size="rows", text="rows", size_max=40)
    figure.update_traces(textposition="bottom center")
    figure.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, line={"dash": "dot", "color": "grey"})
    figure.update_xaxes(range=[0, 1.05]).update_yaxes(range=[0, 1.1])
    return finish(
        figure,
        "Confidence and accuracy of the test rows",
        "mean confidence of the bin",
        "share that is right",
    )


def draw_leaderboard(search_results: pd.DataFrame, leaderboard: pd.DataFrame) -> go.Figure:
    """Draw the accuracy of each contender's best combination in every fold, and its mean."""
    folds = leaderboard[["contender", "parameters"]].merge(search_results, on=["contender", "parameters"])
    figure = px.scatter(folds, x="accuracy", y="contender", hover_data=["fold", "parameters"], opacity=0.5)
    figure.add_scatter(
        x=leaderboard["accuracy_mean"],
        y=leaderboard["contender"],
        mode="markers",
        marker={"symbol": "line-ns-open", "size": 24, "color": "grey", "line": {"width": 3}},
        hovertemplate="mean %{x:.4f}<extra></extra>",
    )
    figure.update_layout(showlegend=False).update_yaxes(autorange="reversed").update_xaxes(tickformat=".1%")
    return finish(
        figure,
        "Contenders in cross-validation: folds (dots) and mean (bar)",
        "accuracy on the left-out fold",
        "",
    )

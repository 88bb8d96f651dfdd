"""Models that Spark has fitted, as scikit-learn's: what was trained on a cluster answers in the service, without a JVM.

Linear models are their weights; trees are read from what Spark stores of them (``treeID``, ``nodeData`` in Parquet).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.tree._tree import Tree

from retraining.staging import Place

_LEAF = -1
_UNUSED = -2  # what scikit-learn has for the feature and threshold of a leaf


def linear(fitted: Any, width: int, classes: NDArray[Any] | None, _place: Place) -> Any:
    """Return Spark's linear or logistic regression over ``width`` inputs as scikit-learn's."""
    if classes is None:
        model = LinearRegression().fit(np.zeros((2, width)), np.zeros(2))
        model.coef_, model.intercept_ = np.array(fitted.coefficients.toArray()), float(fitted.intercept)
        return model
    model = LogisticRegression().fit(np.zeros((len(classes), width)), classes)
    if len(classes) == 2:
        model.coef_ = np.array(fitted.coefficients.toArray()).reshape(1, width)
        model.intercept_ = np.array([float(fitted.intercept)])
    else:
        model.coef_ = np.array(fitted.coefficientMatrix.toArray())
        model.intercept_ = np.array(fitted.interceptVector.toArray())
    return model


def forest(fitted: Any, width: int, classes: NDArray[Any] | None, place: Place) -> Any:
    """Return Spark's random forest as scikit-learn's: the trees' mean."""
    made_up, target = _made_up(width, classes)
    kind = RandomForestRegressor if classes is None else RandomForestClassifier
    model = kind(n_estimators=1, max_depth=1, bootstrap=False).fit(made_up, target)
    model.estimators_ = [_tree(nodes, width, classes, model.estimators_[0]) for nodes in _stored(fitted, place)]
    model.n_estimators = len(model.estimators_)
    return model


def tree(fitted: Any, width: int, classes: NDArray[Any] | None, place: Place) -> Any:
    """Return Spark's decision tree as scikit-learn's."""
    made_up, target = _made_up(width, classes)
    kind = DecisionTreeRegressor if classes is None else DecisionTreeClassifier
    return _tree(_stored(fitted, place)[0], width, classes, kind(max_depth=1).fit(made_up, target))


def boosting(fitted: Any, width: int, classes: NDArray[Any] | None, place: Place) -> Any:
    """Return Spark's gradient-boosted trees as scikit-learn's: the weighted sum of trees.

    Of two classes Spark's probability is 1/(1 + exp(-2·sum)), scikit-learn's 1/(1 + exp(-sum)): the trees count twice.
    """
    made_up, target = _made_up(width, classes)
    kind = GradientBoostingRegressor if classes is None else GradientBoostingClassifier
    model = kind(n_estimators=1, max_depth=1, init="zero", learning_rate=1.0).fit(made_up, target)
    like, twice = model.estimators_[0, 0], 1.0 if classes is None else 2.0
    trees = [
        _tree(nodes, width, None, like, scale=twice * weight)
        for nodes, weight in zip(_stored(fitted, place), fitted.treeWeights, strict=True)
    ]
    model.estimators_ = np.array(trees, dtype=object).reshape(-1, 1)
    model.n_estimators = model.n_estimators_ = len(trees)
    return model


def _made_up(width: int, classes: NDArray[Any] | None) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Rows to fit scikit-learn's empty vessel to."""
    return np.zeros((4 if classes is None else len(classes), width)), np.arange(4.0) if classes is None else classes


def _stored(fitted: Any, place: Place) -> list[list[dict[str, Any]]]:
    """The nodes of each tree, in the order of their ids, as Spark's workers store them."""
    fitted.write().overwrite().save(f"{place.uri}/model")
    rows = place.read("model/data").to_pylist()
    trees: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        nodes = row.get("nodeData", row)  # a single tree has no number of its own
        trees.setdefault(row.get("treeID", 0), []).append(nodes)
    return [sorted(trees[number], key=lambda node: int(node["id"])) for number in sorted(trees)]


def _tree(nodes: list[dict[str, Any]], width: int, classes: NDArray[Any] | None, like: Any, scale: float = 1.0) -> Any:
    """Return one tree, all splits of which are by a threshold: up to it goes left, in both libraries."""
    from copy import copy

    place = {int(node["id"]): number for number, node in enumerate(nodes)}
    state = like.tree_.__getstate__()
    table = np.zeros(len(nodes), dtype=state["nodes"].dtype)
    depth = 1 if classes is None else len(classes)
    values = np.zeros((len(nodes), 1, depth))
    for number, node in enumerate(nodes):
        leaf = node["leftChild"] < 0
        split = node["split"]
        table[number]["left_child"] = _LEAF if leaf else place[node["leftChild"]]
        table[number]["right_child"] = _LEAF if leaf else place[node["rightChild"]]
        table[number]["feature"] = _UNUSED if leaf else split["featureIndex"]
        table[number]["threshold"] = _UNUSED if leaf else split["leftCategoriesOrThreshold"][0]
        table[number]["impurity"] = node["impurity"]
        table[number]["n_node_samples"] = table[number]["weighted_n_node_samples"] = node["rawCount"]
        stats = np.array(node["impurityStats"])
        values[number, 0] = scale * node["prediction"] if classes is None else stats / stats.sum()
    made = Tree(width, np.array([depth], dtype=np.intp), 1)
    made.__setstate__({**state, "max_depth": _depth(table), "node_count": len(nodes), "nodes": table, "values": values})
    found = copy(like)
    found.tree_ = made
    return found


def _depth(table: NDArray[Any]) -> int:
    depth = np.zeros(len(table), dtype=np.int64)
    for number, node in enumerate(table):  # children stand behind their parents
        for child in (node["left_child"], node["right_child"]):
            if child != _LEAF:
                depth[child] = depth[number] + 1
    return int(depth.max())

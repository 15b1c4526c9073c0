"""Helpers of the notebook: data, propagation, loss, prediction and plots.

Every network here has three layers with weights,

    LINEAR -> RELU -> LINEAR -> RELU -> LINEAR -> SIGMOID,

and its parameters are a dictionary ``W1, b1, W2, b2, W3, b3``. Examples stand in columns:
``X`` has shape ``(n_features, m)`` for ``m`` examples, labels have shape ``(1, m)``.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap

# Label 0 is the outer ring, label 1 the inner one. This red and this blue also differ in
# lightness, and the markers in shape, so that nobody needs to tell the two hues apart.
RED, BLUE = "#D7301F", "#08519C"
PALE_RED, PALE_BLUE = "#FDD5C8", "#BDD7EE"
VIOLET = "#6A3D9A"  # lines of the hidden units
# Cost curves: marker and line style say the same as the color (from the palette of Okabe & Ito).
CURVES = {"zeros": ("s:", "#0072B2"), "random": ("^--", "#D55E00"), "he": ("o-", "#009E73")}


class WrongInput(ValueError):
    """An argument that does not fit. A notebook shows its message alone, without a traceback."""

    def _render_traceback_(self):
        return [f"ValueError: {self}"]


def sigmoid(x):
    """Compute the logistic function 1 / (1 + exp(-x)) of a number, or of each entry of an array.

    Beyond about x = 37 the result is rounded to exactly 1.
    """
    with np.errstate(over="ignore"):  # exp(-x) = inf is fine here: 1 / inf is the 0 we want
        return 1 / (1 + np.exp(-x))


def relu(x):
    """Compute max(0, x) of a number, or of each entry of an array."""
    return np.maximum(0, x)


def forward_propagation(X, parameters):
    """Send all examples through the three layers.

    Parameters
    ----------
    X : ndarray of shape (n_features, m)
    parameters : dict
        ``Wl`` of shape (n_l, n_{l-1}) and ``bl`` of shape (n_l, 1) for l = 1, 2, 3, where
        n_0 is n_features and n_3 is 1.

    Returns
    -------
    a3 : ndarray of shape (1, m)
        Predicted probability of label 1.
    cache : tuple
        ``(X, z1, a1, z2, a2, z3, a3, parameters)``, what `backward_propagation` needs.

    Raises
    ------
    ValueError
        If a parameter is missing or its shape does not fit; the message names it.
    """
    _check_parameters(X, parameters)
    W1, b1, W2, b2, W3, b3 = (parameters[name] for name in ("W1", "b1", "W2", "b2", "W3", "b3"))
    z1 = W1 @ X + b1
    a1 = relu(z1)
    z2 = W2 @ a1 + b2
    a2 = relu(z2)
    z3 = W3 @ a2 + b3
    a3 = sigmoid(z3)
    return a3, (X, z1, a1, z2, a2, z3, a3, parameters)


def backward_propagation(X, Y, cache):
    """Compute the gradients of the loss with respect to the parameters.

    Parameters
    ----------
    X : ndarray of shape (n_features, m)
    Y : ndarray of shape (1, m)
        Labels, 0 or 1.
    cache : tuple
        The second result of `forward_propagation` for the same ``X``.

    Returns
    -------
    dict
        ``dW1, db1, dW2, db2, dW3, db3``, each of the shape of its parameter.
    """
    cached_X, _, a1, _, a2, _, a3, parameters = cache
    _check_same_shape("X", X, "the X of the cache", cached_X)
    _check_same_shape("Y", Y, "a3", a3)
    m = X.shape[1]

    dz3 = 1 / m * (a3 - Y)
    dW3 = dz3 @ a2.T
    db3 = dz3.sum(axis=1, keepdims=True)

    dz2 = (parameters["W3"].T @ dz3) * (a2 > 0)  # ReLU lets a gradient through where it fired
    dW2 = dz2 @ a1.T
    db2 = dz2.sum(axis=1, keepdims=True)

    dz1 = (parameters["W2"].T @ dz2) * (a1 > 0)
    dW1 = dz1 @ X.T
    db1 = dz1.sum(axis=1, keepdims=True)

    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2, "dW3": dW3, "db3": db3}


def update_parameters(parameters, grads, learning_rate):
    """Take one step of gradient descent: return new arrays, parameter - learning_rate * gradient.

    ``grads`` has the gradient of each parameter under its name with a ``d`` in front.
    """
    updated = {}
    for name, value in parameters.items():
        if "d" + name not in grads:
            raise WrongInput(f"grads has no entry 'd{name}', but parameters has '{name}'.")
        gradient = grads["d" + name]
        _check_same_shape("d" + name, gradient, name, value)
        updated[name] = value - learning_rate * gradient
    return updated


def compute_loss(a3, Y):
    """Compute the cross-entropy, averaged over the examples.

    For one example it is ``-ln(a3)`` if the label is 1 and ``-ln(1 - a3)`` if it is 0: only the
    probability of the true label counts. Where that is exactly 0 the loss is infinite. ``a3`` and
    the labels ``Y`` have the shape (1, m).
    """
    _check_same_shape("Y", Y, "a3", a3)
    if not np.isin(Y, (0, 1)).all():
        strange = np.asarray(Y)[~np.isin(Y, (0, 1))][0]
        raise WrongInput(f"Y must hold only the labels 0 and 1, but holds {strange}.")
    probability_of_true_label = np.where(Y == 1, a3, 1 - a3)
    with np.errstate(divide="ignore"):  # -ln(0) = inf is what we want to see, without a warning
        return float(1 / Y.shape[1] * np.sum(-np.log(probability_of_true_label)))


def predict_dec(parameters, X):
    """Predict the label of each example: True (label 1) where its probability is above 0.5.

    Arguments as in `forward_propagation`; the result has the shape (1, m).
    """
    a3, _ = forward_propagation(X, parameters)
    return a3 > 0.5


def predict(X, y, parameters):
    """Predict the labels, 0 or 1, and print which share of them is right.

    Arguments as in `backward_propagation` and `forward_propagation`; the result has the shape
    (1, m).
    """
    predictions = predict_dec(parameters, X).astype(int)
    _check_same_shape("y", y, "the predictions", predictions)
    print(f"Accuracy: {np.mean(predictions == y)}")
    return predictions


def load_dataset():
    """Make the two rings: training set of 300 dots and test set of 100, always the same ones.

    Returns
    -------
    train_X, train_Y, test_X, test_Y : ndarrays of shape (2, 300), (1, 300), (2, 100), (1, 100)
        Coordinates, and labels: 0 for the outer ring, 1 for the inner one, half of each.
    """
    train_X, train_Y = make_circles(n_samples=300, noise=0.05, random_state=1)
    test_X, test_Y = make_circles(n_samples=100, noise=0.05, random_state=2)
    return train_X.T, train_Y.reshape(1, -1), test_X.T, test_Y.reshape(1, -1)


def make_circles(n_samples, noise, random_state):
    """Make the points and labels of scikit-learn's function of this name, to the last bit."""
    generator = np.random.RandomState(random_state)
    n_outer = n_samples // 2
    circles = []
    for count, radius in ((n_outer, 1.0), (n_samples - n_outer, 0.8)):
        angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
        circles.append(np.column_stack([np.cos(angles), np.sin(angles)]) * radius)
    order = np.arange(n_samples)
    generator.shuffle(order)
    points = np.concatenate(circles)[order]
    labels = (order >= n_outer).astype(np.intp)
    return points + generator.normal(scale=noise, size=points.shape), labels


def print_parameters(parameters):
    """Print the parameters, one ``name = value`` after the other, if there are any yet."""
    if not isinstance(parameters, dict) or not parameters:
        print("There are no parameters to show yet: the function has to return them in a dict.")
        return
    for name, value in parameters.items():
        print(f"{name} = {value}")


def plot_dataset(X, y, ax=None):
    """Draw the examples, of shapes (2, m) and (1, m): label 0 as red circles, 1 as blue triangles.

    Draws on ``ax``, or on a new figure if it is left out; returns the Axes.
    """
    if np.ndim(X) != 2 or X.shape[0] != 2:
        raise WrongInput(f"X has shape {np.shape(X)}, expected (2, m): two coordinates in rows.")
    if np.shape(y) != (1, X.shape[1]):
        raise WrongInput(f"y has shape {np.shape(y)}, expected (1, {X.shape[1]}) to fit X.")
    ax = _axes(ax)
    for label, marker, color, name in ((0, "o", RED, "label 0"), (1, "^", BLUE, "label 1")):
        x1, x2 = X[:, y[0] == label]
        ax.scatter(
            x1, x2, s=26, marker=marker, color=color, edgecolors="white", linewidths=0.5, label=name
        )
    counts = np.sum(y == 0), np.sum(y == 1)
    ax.set(xlabel="$x_1$", ylabel="$x_2$", title="Two rings of dots")
    ax.set_label("{} red circles and {} blue triangles.".format(*counts))  # the text alternative
    ax.set_aspect("equal")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))  # where it covers nothing
    return ax


def plot_decision_boundary(model, X, y, ax=None):
    """Color the plane by predicted label and draw the examples on top.

    Parameters
    ----------
    model : callable
        Takes points as an ndarray of shape (n_points, 2) and returns their predicted labels,
        such as ``lambda points: predict_dec(parameters, points.T)``.
    X, y, ax
        As in `plot_dataset`, which returns the same.
    """
    ax = plot_dataset(X, y, _axes(ax))
    side = np.linspace(-1.5, 1.5, 301)
    x1, x2 = np.meshgrid(side, side)
    labels = np.reshape(model(np.column_stack([x1.ravel(), x2.ravel()])), x1.shape)
    colors = ListedColormap([PALE_RED, PALE_BLUE])
    ax.contourf(x1, x2, labels, levels=[-0.5, 0.5, 1.5], zorder=0, cmap=colors)
    if labels.min() != labels.max():
        ax.contour(x1, x2, labels, levels=[0.5], colors="black", linewidths=1)
    ax.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), title="Decision boundary")
    right = np.mean(np.ravel(model(X.T)) == y[0])
    ax.set_label(
        f"Blue covers {labels.mean():.0%} of the plane; {right:.0%} of the dots are right."
    )
    return ax


def plot_costs(costs, learning_rate, label=None, ax=None):
    """Draw the costs that `model` has recorded at iterations 0, 1000, 2000 and so on.

    Infinite ones are marked as missing. Call again with the returned Axes to compare runs; the
    label is the name of a curve in the legend.
    """
    ax = _axes(ax)
    costs = np.asarray(costs, dtype=float)
    thousands = np.arange(len(costs))
    finite = np.isfinite(costs)
    style, color = CURVES.get(label, ("o-", None))
    drawn = np.where(finite, costs, np.nan)
    (line,) = ax.plot(thousands, drawn, style, color=color, markersize=4, label=label)
    if not finite.all():
        ax.margins(y=0.15)  # room above the curve for the remark
    for missing in thousands[~finite]:
        at_the_top, color = ax.get_xaxis_transform(), line.get_color()
        ax.plot(missing, 0.985, marker="x", color=color, clip_on=False, transform=at_the_top)
        ax.text(missing + 0.2, 0.93, "infinite: not drawn", color=color, transform=at_the_top)
    ax.set(xlabel="iterations (thousands)", ylabel="cost")
    ax.set_title(f"Cost while training, learning rate {learning_rate}")
    ends = f"{label or 'cost'}: from {costs[0]:.3f} to {costs[-1]:.3f}." if len(costs) else ""
    ax.set_label(f"{ax.get_label()} {ends}".strip())
    if label is not None:
        ax.legend(title="initialization")
    return ax


def _axes(ax):
    return plt.subplots()[1] if ax is None else ax


def _check_parameters(X, parameters):
    """Raise ValueError unless every layer fits the one before it."""
    if np.ndim(X) != 2:
        raise WrongInput(f"X has shape {np.shape(X)}, expected (n_features, m).")
    if not isinstance(parameters, dict):
        kind = type(parameters).__name__
        raise WrongInput(
            f"parameters is an object of type {kind}, expected a dict W1, b1, ..., b3."
        )
    n_previous = X.shape[0]
    for layer in ("1", "2", "3"):
        for name in ("W" + layer, "b" + layer):
            if name not in parameters:
                raise WrongInput(
                    f"parameters has no entry '{name}'. A three-layer network needs W1, b1, W2, "
                    "b2, W3 and b3: is the exercise that returns them finished?"
                )
        shape_W, shape_b = np.shape(parameters["W" + layer]), np.shape(parameters["b" + layer])
        if len(shape_W) != 2 or shape_W[1] != n_previous:
            fits = f"X of shape {X.shape}" if layer == "1" else f"the {n_previous} units before it"
            raise WrongInput(
                f"W{layer} has shape {shape_W}, expected (n_{layer}, {n_previous}) to fit {fits}."
            )
        if shape_b != (shape_W[0], 1):
            raise WrongInput(
                f"b{layer} has shape {shape_b}, expected ({shape_W[0]}, 1) "
                f"to fit W{layer} of shape {shape_W}."
            )
        n_previous = shape_W[0]
    if n_previous != 1:
        raise WrongInput(f"W3 has shape {shape_W}, expected (1, {shape_W[1]}): one output unit.")


def _check_same_shape(name, array, other_name, other):
    if np.shape(array) != np.shape(other):
        raise WrongInput(
            f"{name} has shape {np.shape(array)}, expected {np.shape(other)}, "
            f"the shape of {other_name}."
        )

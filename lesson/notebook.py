"""What the cells of the notebook use of this folder; importing it sets up their figures."""

# ruff: noqa: F401
import matplotlib.pyplot as plt
from IPython import get_ipython
from matplotlib.figure import Figure

from lesson.experiments import plot_signal
from lesson.film import record, show_comparison, show_film
from lesson.network import cost_of, output_logits, train
from lesson.pictures import bundle, plot_boundaries, plot_units
from lesson.volume import show_volume_knob

plt.rcParams["figure.figsize"] = (7.0, 4.0)  # inches
if hasattr(get_ipython(), "kernel"):  # not in a terminal
    get_ipython().display_formatter.mimebundle_formatter.for_type(Figure, bundle)

"""What the cells of the notebook use of this folder; importing it sets up their figures."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from lesson import guess as guess
from lesson.experiments import plot_signal as plot_signal
from lesson.film import record as record
from lesson.film import show_comparison as show_comparison
from lesson.film import show_film as show_film
from lesson.network import cost_of as cost_of
from lesson.network import output_logits as output_logits
from lesson.network import train as train
from lesson.pictures import bundle, notebook_display
from lesson.pictures import plot_boundaries as plot_boundaries
from lesson.pictures import plot_units as plot_units
from lesson.volume import show_volume_knob as show_volume_knob

plt.rcParams["figure.figsize"] = (7.0, 4.0)  # inches
plt.rcParams["image.interpolation"] = "nearest"
plt.rcParams["image.cmap"] = "gray"
if notebook_display():
    from IPython import get_ipython

    get_ipython().display_formatter.mimebundle_formatter.for_type(Figure, bundle)

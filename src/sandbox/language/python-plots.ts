/** A backend of matplotlib that saves what would be shown: `MPLBACKEND=module://orchestrator_plots`. */
export const pythonPlots = `"""Agg, with plt.show() saving every open figure as plot-N.png into the working folder, as a notebook would show it."""
import os

from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas
from matplotlib.backend_bases import FigureManagerBase as FigureManager

saved = 0


def save_all(pyplot):
    global saved
    for number in pyplot.get_fignums():
        saved += 1
        while os.path.lexists("/work/plot-%d.png" % saved):
            saved += 1
        pyplot.figure(number).savefig("/work/plot-%d.png" % saved, bbox_inches="tight")
    pyplot.close("all")


def show(*args, **kwargs):
    import matplotlib.pyplot

    save_all(matplotlib.pyplot)
`;

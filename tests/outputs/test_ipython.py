"""IPython comes late into a plain process, and does there what it does in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.recorder_hosts import Host


def test_a_step_of_the_standard_library_never_imports_ipython(host: Host) -> None:
    outputs, _ = host.plain("""
        print("text")
        display([1, 2], "three")
        recorder.result({"long": ["x" * 30] * 5})
        recorder.error(ValueError("no"))
        print(sorted({"IPython", "traitlets", "asyncio"} & set(sys.modules)))
    """)
    assert [output["output_type"] for output in outputs] == [
        "stream",
        "display_data",
        "display_data",
        "execute_result",
        "error",
        "stream",
    ]
    assert outputs[3]["data"]["text/plain"].count("\n") == 4
    assert outputs[-1]["text"] == "[]\n"


def test_the_builtin_display_gives_rich_forms_in_a_plain_process(host: Host) -> None:
    outputs, _ = host.plain("""
        class Page:
            def _repr_html_(self):
                return "<p>"
        handle = display(Page(), display_id=True, metadata={"isolated": True})
        handle.update(Page())
    """)
    assert [(o["output_type"], o["data"]["text/html"], o["metadata"]) for o in outputs] == [("display_data", "<p>", {})]


def test_ipython_imported_before_the_recorder_serves_it_as_well(host: Host) -> None:
    outputs, _ = host.plain("""
        from IPython import get_ipython
        from IPython.display import HTML, display
        inner = Recorder(show=False)
        recorder.__exit__(None, None, None)
        assert get_ipython() is None
        with inner:
            display(HTML("<p>"))
        assert get_ipython() is None
        recorder.__enter__()
        display(inner.outputs[0]["data"], raw=True)
    """)
    assert [output["data"]["text/html"] for output in outputs] == ["<p>"]


def test_a_magic_in_a_plain_process_says_what_to_do_instead(host: Host) -> None:
    outputs, _ = host.plain("""
        from IPython import get_ipython
        from IPython.display import display
        try:
            get_ipython().run_line_magic("matplotlib", "inline")
        except Exception as exc:
            print(exc)
    """)
    assert outputs[0]["text"] == "%matplotlib cannot run here: this process has no notebook; write it in Python\n"


def test_a_figure_is_recorded_as_a_picture_also_when_nobody_showed_it(host: Host) -> None:
    pytest.importorskip("matplotlib")
    step = """
        import warnings; warnings.simplefilter("error")
        import matplotlib.pyplot as plt
        figure, axes = plt.subplots(figsize=(1, 1))
        axes.plot([1, 2])
    """
    displayed, _ = host.plain(step + "    display(figure)")
    host.env["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    host.env["IPYTHONDIR"] += "2"
    showed, _ = host.plain(step + "    plt.show()")
    drawn, _ = host.plain(step)
    for outputs in (displayed, showed, drawn):
        assert [output["output_type"] for output in outputs] == ["display_data"]
        assert outputs[0]["data"]["image/png"].startswith("iVBORw0KGgo")

"""What people see: pages, charts and theme.

How a page is made
------------------
One new file in ``dashboard/pages/`` that defines ``PAGE``; nothing else is touched::

    from dashboard import state
    from dashboard.components import header
    from dashboard.registry import Page

    def render() -> None:
        ws = state.workspace()
        model = state.require_model()              # from ?model=…, or words and st.stop()
        header.title(model["name"], …)             # a sentence first, then evidence, then buttons
        window = state.param("window")             # filters live in the URL

    PAGE = Page(name="model", title="Model", icon=":material/deployed_code:", url_path="model",
                order=30, visible=False, render=render)

- Data comes from ``state.workspace()`` (``service.workspace.Workspace``) and nowhere else. A ``WorkspaceError`` that a
  page lets out is shown in words by ``app.py``.
- Links: ``registry.link("Open", "feature", model=…, column=…)`` and ``registry.go("alert", alert=…)``; both carry the
  time range and the grain along. A plain Markdown link would open a new tab.
- Every filter is a query parameter: ``state.choice(…)`` draws a segmented control bound to one, ``state.set_params(…)``
  writes some. Streamlit's own ``bind=`` replaces history entries, so Back would not restore the earlier filters.
- Text that a user may have chosen (names of models, columns, categories, owners, comments, log lines) goes through
  ``text.plain()`` before Markdown and ``text.figure()`` before Plotly. ``st.dataframe`` cells, ``st.code`` and
  ``st.text`` are safe as they are.
- Charts are pure: views and a ``theme.Palette`` in, a Plotly figure out (``dashboard/charts/``), shown by
  ``components.chart.show()``. They work in notebooks.
- Numbers and times are written by ``text.number()``, ``text.share()``, ``text.day()``, ``text.moment()``, ``text.week_of()``.
"""

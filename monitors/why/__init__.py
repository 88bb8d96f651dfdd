"""Why performance changed, from rows: other inputs or another rule, which columns, where, and rows to look at.

Pure: samples of the reference's rows and of a period's go in (:class:`monitors.why.rows.Rows`). scikit-learn is imported when a
model is fitted, and not before.
"""

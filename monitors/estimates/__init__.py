"""Performance estimated before labels come.

Classification: the reference's probabilities of each label, given score and inputs, summed over a window's rows (CBPE). Regression: the
reference's errors, learned from inputs and prediction, averaged over a window's rows (DLE). Both are checked and corrected on rows that
they were not learned from, and weighted for inputs that moved. Pure: rows in, numbers out.
"""

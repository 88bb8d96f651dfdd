"""Figures: pure functions from views and a palette to Plotly."""

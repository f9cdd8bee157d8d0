"""Metrics, model selection, length bias, tests of judges, drift from the reference policy."""

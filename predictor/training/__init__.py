"""Makes a model of customer lifetime value from features at past dates and what customers then spent.

Knows numpy in and a model out, nothing of dbt. What a dill file refers to lives in `model`, `purchases`, `spend` and
`correction`, which need numpy and SciPy only; scikit-learn and matplotlib are for fitting and for the report.
"""

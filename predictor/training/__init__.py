"""Makes a model of customer lifetime value from features at past dates and what customers then spent.

Knows numpy in and a model out, nothing of dbt. What a dill file refers to lives in `value_model`, `mbg_nbd`,
`gamma_gamma` and `correction`: those paths stay, and need numpy and SciPy only. scikit-learn and matplotlib are for
fitting and for the report.
"""

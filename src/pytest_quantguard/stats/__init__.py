"""The statistics of the gate: pure functions on numbers, standard library only, importable alone.

A case has a difference D = baseline outcome - candidate outcome in [-1, 1]; **positive means
that the candidate is worse**, everywhere; a ratio is candidate / baseline, above 1 is worse.
Shares are fractions: 0.05 is 5 points. An argument outside its domain raises ValueError, which
names the argument, the value and the domain.

PASS asks whether the drop is shown to be inside a budget: a confidence bound. FAIL asks whether
cases got worse beyond chance: e-values, which hold at every look, for added cases and for groups
that share cases, so nothing has to be planned for that.
"""

from .agreement import Kappa, cohen_kappa, labels_needed, share_p, wilson_interval
from .bootstrap import bootstrap_median_ratio, bootstrap_quantile_ratio
from .evidence import (
    EValue,
    closure_rejects,
    excess_evidence,
    family_evidence,
    holm,
    mean_evidence,
    sign_evidence,
    sign_evidence_of,
    stretch_to_evidence,
)
from .intervals import (
    agresti_min_interval,
    bonett_price_interval,
    newcombe_interval,
    wald_interval,
)
from .paired import (
    PairedCounts,
    loss_interval,
    loss_p,
    loss_upper,
    mcnemar_exact,
    mcnemar_midp,
    mcnemar_z,
    paired_counts,
    tango_interval,
    tango_lower,
    tango_upper,
    tango_z,
)
from .planning import (
    cases_to_pass,
    fail_cases,
    noise_limit,
    pass_budget,
    pass_cases,
    pass_floor,
    pass_power,
)
from .quantiles import (
    quantile_floor,
    quantile_ratio,
    quantile_ratio_p,
    quantile_ratio_p_of,
    quantiles_apart,
)
from .ratios import (
    MEAN_FLOOR,
    Estimate,
    Side,
    mean_log_ratio,
    mean_log_ratio_of,
    mean_log_ratio_p,
    mean_log_ratio_p_of,
    mean_ratio_floor,
    median_ratio,
    median_ratio_p,
)
from .scores import (
    instability,
    mean_floor,
    mean_interval,
    mean_p,
    mean_upper,
    wasserstein_swap_p,
)
from .sequential import looks_alpha, looks_alpha_open
from .split import SplitEvidence, SplitTable, split_interval, split_p, split_standard
from .totals import success_cost_ratio, success_cost_ratio_p, total_ratio, total_ratio_p

__all__ = [
    "EValue",
    "Estimate",
    "Kappa",
    "MEAN_FLOOR",
    "PairedCounts",
    "Side",
    "SplitEvidence",
    "SplitTable",
    "agresti_min_interval",
    "bonett_price_interval",
    "bootstrap_median_ratio",
    "bootstrap_quantile_ratio",
    "cases_to_pass",
    "closure_rejects",
    "cohen_kappa",
    "excess_evidence",
    "fail_cases",
    "family_evidence",
    "holm",
    "instability",
    "labels_needed",
    "looks_alpha",
    "looks_alpha_open",
    "loss_interval",
    "loss_p",
    "loss_upper",
    "mcnemar_exact",
    "mcnemar_midp",
    "mcnemar_z",
    "mean_evidence",
    "mean_floor",
    "mean_interval",
    "mean_log_ratio",
    "mean_log_ratio_of",
    "mean_log_ratio_p",
    "mean_log_ratio_p_of",
    "mean_p",
    "mean_ratio_floor",
    "mean_upper",
    "median_ratio",
    "median_ratio_p",
    "newcombe_interval",
    "noise_limit",
    "paired_counts",
    "pass_budget",
    "pass_cases",
    "pass_floor",
    "pass_power",
    "quantile_floor",
    "quantile_ratio",
    "quantile_ratio_p",
    "quantile_ratio_p_of",
    "quantiles_apart",
    "share_p",
    "sign_evidence",
    "sign_evidence_of",
    "split_interval",
    "split_p",
    "split_standard",
    "stretch_to_evidence",
    "success_cost_ratio",
    "success_cost_ratio_p",
    "tango_interval",
    "tango_lower",
    "tango_upper",
    "tango_z",
    "total_ratio",
    "total_ratio_p",
    "wald_interval",
    "wasserstein_swap_p",
    "wilson_interval",
]

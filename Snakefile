# Steelyard, from ntuples to confidence belts. The rules are in workflow/rules, a file a stage, in the data's order.

from snakemake.utils import min_version

min_version("9.0")


# A configuration given on the command line stands alone; merged with the example it would inherit its oracle.
if "analysis" not in config:

    configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/reference.smk"
include: "workflow/rules/ratios.smk"
include: "workflow/rules/ensembles.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/model.smk"
include: "workflow/rules/fit.smk"
include: "workflow/rules/toys.smk"
include: "workflow/rules/belts.smk"
include: "workflow/rules/baselines.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/diagnose.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.summarise_results.output,
        rules.record_provenance.output,
        all_plots,
    message:
        "Everything is there"

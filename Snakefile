# Lets `snakemake` start from this folder. The workflow is workflow/Snakefile, where its catalogue looks for it.


include: "workflow/Snakefile"


workflow.default_target = "all"  # which an include does not bring along

from steelyard.io.files import whole
from steelyard.runtime.jobs import logged
from steelyard.seeds import seed_for
from steelyard.simulators.interface import simulator

sample, part, simulate = snakemake.wildcards.sample, int(snakemake.wildcards.part), snakemake.params.simulate

with logged(snakemake.log[0]), whole(snakemake.output.ntuple) as path:
    model = simulator(simulate["model"])
    seed = seed_for(snakemake.params.seed, "simulate_ntuple", sample=sample, part=part)
    if simulate["events"] is None:
        model.write_observed(path, simulate["parameters"], seed, simulate["nuisances"])
    else:
        model.write_ntuple(path, sample, simulate["events"], part, simulate["parts"], seed)

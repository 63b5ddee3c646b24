from steelyard.configuration.schema import Parameter, Process, ReferenceWeight, Split
from steelyard.data.expected import check_expected, default_shares, expected_events, tell_expected
from steelyard.data.reference import configured_yields, mix_reference
from steelyard.data.store import open_all
from steelyard.io.serialisation import to_json
from steelyard.model.coefficients import Coefficients
from steelyard.runtime.jobs import logged

params, rate = snakemake.params, snakemake.params.rate


def default(yields, sizes):
    """Shares of the reference by the expected events, which are said and looked at first."""
    expected = expectation(yields)
    return default_shares(expected, sizes, rate["free"])


def expectation(yields):
    """The expected events over the range of the parameter."""
    parameters = [Parameter.model_validate(item) for item in rate["parameters"]]
    processes = [Process.model_validate(item) for item in rate["processes"]]
    coefficients = Coefficients.from_configuration(parameters, processes)
    known = configured_yields(yields, processes)
    return expected_events(coefficients, known, parameters[0].bounds, parameters[0].nominal)


with logged(snakemake.log[0]) as log:
    samples = open_all(snakemake.input.info)
    reference = mix_reference(
        samples,
        params.processes,
        params.reference and [ReferenceWeight.model_validate(item) for item in params.reference],
        Split.model_validate(params.split),
        params.labels,
        default,
    )
    expected = expectation(reference.yields)
    tell_expected(expected)
    check_expected(expected, [sample.info for sample in samples], params.weights)
    for name, weight in reference.weights.items():
        log.info("process %s: %.4g of the reference", name, weight)
        if reference.negative_fractions[name]:
            log.info("process %s: negative weights are %.3g of all |w|", name, reference.negative_fractions[name])
    for note in reference.notes:
        log.warning("%s", note)
    to_json(reference, snakemake.output.reference)

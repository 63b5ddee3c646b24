from pathlib import Path
from types import SimpleNamespace

from steelyard.configuration.schema import Expression, Ingestion, Observable
from steelyard.data.ingest_variation import ingest_variation
from steelyard.runtime.jobs import logged

files, params = snakemake.input, snakemake.params

if __name__ == "__main__":  # the scheduler `processes` imports this file again in every worker
    with logged(snakemake.log[0]):
        ingest_variation(
            SimpleNamespace(**params.source),
            SimpleNamespace(**params.varied),
            params.files or files.ntuples,
            nominal=Path(files.info).parent,
            variables=[Expression.model_validate(item) for item in params.variables],
            selection=params.selection,
            features=[Expression.model_validate(item) for item in params.features],
            observables=[Observable.model_validate(item) for item in params.observables],
            ingestion=Ingestion.model_validate(params.ingestion),
            folder=Path(snakemake.output.info).parent,
            threads=snakemake.threads,
        )

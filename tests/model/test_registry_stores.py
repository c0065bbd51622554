"""The registry on PostgreSQL and S3, by settings alone."""

import uuid

import pytest

from nightloop.errors import StoreUnavailable
from nightloop.model import bundle
from nightloop.model.registry import CHALLENGER, Registry
from nightloop.settings import load_settings
from tests.fixtures_s3 import KEYS

FACTS = {"params": {}, "metrics": {"auc": 0.7}, "tags": {}, "figures": {}}


@pytest.fixture
def s3_root(moto: str) -> str:
    import boto3

    bucket = f"models-{uuid.uuid4().hex[:12]}"
    boto3.client("s3", region_name=KEYS["AWS_REGION"]).create_bucket(Bucket=bucket)
    return f"s3://{bucket}/artifacts"


def test_a_bundle_registered_on_postgresql_and_s3_is_fetched_on_another_machine(
    postgres_url, s3_root, trees_bundle, write_bundle, tmp_path
):
    import boto3

    shared = {"mlflow_url": postgres_url, "artifacts_url": s3_root}
    here = Registry.open(load_settings(home=tmp_path / "here", **shared))
    there = Registry.open(load_settings(home=tmp_path / "there", **shared))
    registered = here.log_candidate("tiny", trees_bundle, **FACTS)
    assert here.log_candidate("tiny", trees_bundle, **FACTS) == registered == there.find("tiny", "key-1")
    assert there.alias("tiny", CHALLENGER) == registered.version
    assert bundle.digest(there.fetch("tiny", registered.version)) == bundle.digest(trees_bundle)
    bucket, _, prefix = s3_root.removeprefix("s3://").partition("/")
    listed = boto3.client("s3").list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/tiny/")["Contents"]
    assert any(item["Key"].endswith("artifacts/bundle/model.ubj") for item in listed)

    # A second version whose artifacts are gone: told, not half-fetched.
    second = here.log_candidate("tiny", write_bundle(tmp_path / "b", key="key-2"), **FACTS)
    for item in boto3.client("s3").list_objects_v2(Bucket=bucket)["Contents"]:
        boto3.client("s3").delete_object(Bucket=bucket, Key=item["Key"])
    with pytest.raises(StoreUnavailable, match=f"could not fetch version {second.version} of tiny"):
        there.fetch("tiny", second.version)
    assert not (tmp_path / "there" / "bundles" / "tiny" / str(second.version)).exists()

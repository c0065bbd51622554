#!/usr/bin/env python3
"""Make the bucket of MLflow's artifacts, unless it is there. Reads AWS_* and AWS_ENDPOINT_URL."""

from __future__ import annotations

import sys


def make(bucket: str) -> bool:
    """Make the bucket; return whether it is new. Any error but "it is not there" is raised."""
    import boto3
    from botocore.exceptions import ClientError

    client = boto3.client("s3")
    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise
        client.create_bucket(Bucket=bucket)
        return True
    return False


if __name__ == "__main__":
    sys.stdout.write(f"bucket {sys.argv[1]} {'made' if make(sys.argv[1]) else 'is there'}\n")

#!/usr/bin/env python3
"""Make the bucket of MLflow's artifacts, unless it is there. Reads AWS_* and AWS_ENDPOINT_URL."""

from __future__ import annotations

import sys


def make(bucket: str) -> bool:
    """Make the bucket; return whether it is new."""
    import boto3

    client = boto3.client("s3")
    try:
        client.create_bucket(Bucket=bucket)
    except (client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
        # On a store of our own, "exists" can only be ours; head_bucket fails loudly if it is not.
        client.head_bucket(Bucket=bucket)
        return False
    return True


if __name__ == "__main__":
    sys.stdout.write(f"bucket {sys.argv[1]} {'made' if make(sys.argv[1]) else 'is there'}\n")

"""What training code may know of the service's environment: how to find programs, libraries and the network, and what is declared."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

#: How programs, libraries and languages are found; never a secret.
COMMON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "SYSTEMROOT",
    "JAVA_HOME",
    "R_HOME",
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
)
#: What a job's own process may know besides: threads, the way to a cluster, and the faults of a test.
_JOB = (
    "PYTHONPATH",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "SPARK_HOME",
    "SPARK_CONF_DIR",
    "SPARK_LOCAL_IP",
    "HADOOP_CONF_DIR",
    "YARN_CONF_DIR",
    "PYSPARK_PYTHON",
    "PYSPARK_DRIVER_PYTHON",
    "KUBECONFIG",
    "DRIFTDECK_FAULT",
)
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


def passed(names: Iterable[str]) -> dict[str, str]:
    """Return those of the variables that are set."""
    return {name: os.environ[name] for name in names if name in os.environ}


def of_job(declared: Iterable[str] = ()) -> dict[str, str]:
    """Return the environment of a job's process; ``declared`` are the variables that the model's ``retrain.env`` names."""
    proxies = (*_PROXIES, *map(str.lower, _PROXIES))
    return passed((*COMMON, *_JOB, *proxies, *declared))


def of_command(extra: Mapping[str, str], declared: Iterable[str] = ()) -> dict[str, str]:
    """Return the environment of an operator's command: what it needs to find programs, ``declared`` variables, and ``extra``."""
    return passed((*COMMON, *declared)) | dict(extra)

"""Every setting of the product; each works unset on a laptop (docs/settings.md)."""

from __future__ import annotations

import sys
from typing import Any

from django.conf import global_settings

from dataflow_site.environment import local_passwords, local_ports, redis_settings
from dataflow_site.environment.env import BASE_DIR, env, items
from dataflow_site.environment.process_name import process_name
from dataflow_site.logs.configuration import configuration
from dataflow_site.version import VERSION
from ingestion.runtime.limited_connection import LimitedConnection

DEVELOPMENT_SECRET = "insecure-development-key-used-only-on-this-machine"

DEBUG = env.bool("DATAFLOW_DEBUG", True)
MIN_SECRET = 32  # characters
SECRET_KEY = env.str("DATAFLOW_SECRET_KEY", DEVELOPMENT_SECRET)
# Other secrets under which keys were made: during a rotation, the old one or the next one.
DATAFLOW_SECRET_KEY_FALLBACKS = items(env.str("DATAFLOW_SECRET_KEY_FALLBACKS", ""))
# A short secret can be guessed. It still finds keys, whose tokens are long, but no session or cursor is trusted by it.
SECRET_KEY_FALLBACKS = [
    secret for secret in DATAFLOW_SECRET_KEY_FALLBACKS if len(secret) >= MIN_SECRET and secret != DEVELOPMENT_SECRET
]
ALLOWED_HOSTS = env.list("DATAFLOW_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])

# A proxy with TLS stands in front and sets X-Forwarded-Proto; plain HTTP is sent on to it.
DATAFLOW_HTTPS = env.bool("DATAFLOW_HTTPS", not DEBUG)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if DATAFLOW_HTTPS else None
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = DATAFLOW_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if DATAFLOW_HTTPS else 0
# Probes and scrapers come from inside, past the proxy.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
# Whether other hosts of the domain have TLS is not ours to promise.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

DATAFLOW_LOG_LEVEL = env.str("DATAFLOW_LOG_LEVEL", "INFO").upper()
DATAFLOW_LOG_FORMAT = env.str("DATAFLOW_LOG_FORMAT", "text").lower()
PROCESS_NAME = process_name(sys.argv)
DATAFLOW_LOG_REQUESTS = env.bool("DATAFLOW_LOG_REQUESTS", False)
# Spans of OpenTelemetry, whose own variables say where they go and which requests are traced
DATAFLOW_TRACES = env.bool("DATAFLOW_TRACES", False)
DATAFLOW_TRACES_PER_SECOND = env.int("DATAFLOW_TRACES_PER_SECOND", 100)
LOGGING = configuration(DATAFLOW_LOG_LEVEL, DATAFLOW_LOG_FORMAT, process=PROCESS_NAME)
DEFAULT_EXCEPTION_REPORTER_FILTER = "dataflow_site.web.hidden_settings.HiddenSettings"

INSTALLED_APPS = [
    # Its `runserver` speaks to the live feed too; no other process needs what comes with it.
    *(["daphne"] if sys.argv[1:2] == ["runserver"] else []),
    # Loaded with the addresses, which only the web process needs: see urls.py.
    "dataflow_site.access.admin_app.OperatorAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django_prometheus",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "dataflow_site",
    "ingestion",
    "processing",
    "queries",
    "dashboard",
]

MIDDLEWARE = [
    # Here so that nothing behind it holds one while an answer is sent, and again where a view begins.
    "queries.reads.release.ReleaseConnection",
    "dataflow_site.web.server_timing.ServerTiming",
    "dashboard.frame.compression.Compression",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "dashboard.frame.middleware.ContentSecurityPolicy",
    "dataflow_site.web.problem_pages.ProblemPages",
    "dataflow_site.web.storable_text.StorableText",
    "django.middleware.security.SecurityMiddleware",
    "queries.browsable.form_addresses.FormAddresses",
    "dashboard.frame.middleware.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "queries.authentication.ReadAuthentication",
    "dataflow_site.access.readers.RememberReaders",
    "dataflow_site.access.session_age.TouchSession",
    "queries.reads.release.ReleaseConnection",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

SESSION_ENGINE = "dataflow_site.access.sessions"
DATAFLOW_SESSION_HOURS = env.float("DATAFLOW_SESSION_HOURS", 168.0)
DATAFLOW_SESSION_IDLE_HOURS = env.float("DATAFLOW_SESSION_IDLE_HOURS", 24.0)
SESSION_COOKIE_AGE = round(DATAFLOW_SESSION_HOURS * 3600)
AUTHENTICATION_BACKENDS = ["dataflow_site.access.sign_in_limits.LimitedBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
PASSWORD_HASHERS = ["dataflow_site.access.password_hashing.Hasher", *global_settings.PASSWORD_HASHERS[1:]]
CSRF_FAILURE_VIEW = "dataflow_site.web.problem_pages.csrf_failure"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "sign-in"
ROOT_URLCONF = "dataflow_site.urls"
ASGI_APPLICATION = "dataflow_site.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
FORMAT_MODULE_PATH = "dataflow_site.formats"
STATIC_URL = "static/"
# Static files are served from where the apps keep them; nothing is collected.
WHITENOISE_USE_FINDERS = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.frame.context.frame",
            ]
        },
    }
]

# How far all local ports are moved that are not set themselves, so that another checkout can run beside this one.
DATAFLOW_LOCAL_PORTS = local_ports.shift()

# --- Readers: requests to pages, API and admin that one web process works on at one time, of all and of each reader ---
DATAFLOW_READS = env.int("DATAFLOW_READS", 16)
# With more, reads that compute would leave too little of the interpreter to other readers.
DATAFLOW_READS_PER_READER = env.int("DATAFLOW_READS_PER_READER", 2)
DATAFLOW_READS_WAITING = env.int("DATAFLOW_READS_WAITING", 16)
# By how much the web process gives way to receivers and consumers on the same machine.
DATAFLOW_WEB_NICE = env.int("DATAFLOW_WEB_NICE", 10)

# What a query that looks into the events of all sources may read: so many days of event time.
DATAFLOW_MAX_SCAN_DAYS = env.int("DATAFLOW_MAX_SCAN_DAYS", 31)

# Exports that one web process runs at one time, each with a connection to PostgreSQL of its own, outside the pool; and how
# long one may take: what it reads stays in the tables of PostgreSQL until then, deleted or not.
DATAFLOW_EXPORTS = env.int("DATAFLOW_EXPORTS", 4)
DATAFLOW_EXPORT_HOURS = env.float("DATAFLOW_EXPORT_HOURS", 2.0)
# Whether texts in a CSV that a spreadsheet would run as formulas get an apostrophe in front.
DATAFLOW_CSV_SAFE_CELLS = env.bool("DATAFLOW_CSV_SAFE_CELLS", True)

# --- PostgreSQL: rows, rollups, ledger, dead letters ---
POSTGRES_HOST = ",".join(items(env.str("POSTGRES_HOST", "127.0.0.1")))
POSTGRES_PORT = local_ports.port_or_ports("POSTGRES_PORT")
POSTGRES_USER = env.str("POSTGRES_USER", "dataflow")
POSTGRES_PASSWORD = local_passwords.POSTGRES.read()
POSTGRES_DB = env.str("POSTGRES_DB", "dataflow")
# What libpq is told of TLS, where it is set: https://www.postgresql.org/docs/current/libpq-ssl.html
POSTGRES_TLS = {
    option: path
    for option, path in {
        "sslmode": env.str("POSTGRES_SSLMODE", "prefer"),
        "sslrootcert": env.str("POSTGRES_SSLROOTCERT", ""),
        "sslcert": env.str("POSTGRES_SSLCERT", ""),
        "sslkey": env.str("POSTGRES_SSLKEY", ""),
    }.items()
    if path
}
# Of several hosts one is the primary, and only after a failover one sees which: standbys take no changes.
POSTGRES_PRIMARY = {"target_session_attrs": "read-write"} if "," in POSTGRES_HOST else {}
# The folder of pg_dump and psql for backups, where they are not found by themselves.
DATAFLOW_POSTGRES_PROGRAMS = env.str("DATAFLOW_POSTGRES_PROGRAMS", "")
# A machine that is gone does not end its connections: Linux would wait for it for a quarter of an hour.
POSTGRES_TCP = {
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django_prometheus.db.backends.postgresql",
        "HOST": POSTGRES_HOST,
        "PORT": POSTGRES_PORT,
        "USER": POSTGRES_USER,
        "PASSWORD": POSTGRES_PASSWORD,
        "NAME": POSTGRES_DB,
        # A pool, since persistent connections leak under ASGI: one would stay open per request thread. With one for each
        # request that may run (DATAFLOW_READS), and some for the live feed and the probes, none waits for another's.
        "OPTIONS": {
            # The next request tries a lost server again (reconnect_timeout), without a growing pause.
            "pool": {
                "min_size": 1,
                "max_size": DATAFLOW_READS + 6,
                "timeout": 2,
                "reconnect_timeout": 2,
                "connection_class": LimitedConnection,
            },
            **POSTGRES_TLS,
            **POSTGRES_PRIMARY,
            **POSTGRES_TCP,
            "connect_timeout": 2,
            "options": "-c statement_timeout=5000",
            "application_name": "dataflow",
        },
    }
}

# --- MongoDB: raw documents ---
MONGO_URI = local_ports.address("MONGO_URI", "mongodb://127.0.0.1:{port}")
MONGO_DATABASE = env.str("MONGO_DATABASE", "dataflow")

# --- Redis: cache and live updates ---
# What every client of Redis takes; REDIS_URL goes before the other settings.
REDIS_CONNECTION = redis_settings.connection(
    local_ports.address("REDIS_ADDR", "127.0.0.1:{port}"),
    database=env.int("REDIS_DB", 0),
    password=local_passwords.REDIS.read(),
)
REDIS_ADDR = redis_settings.address_of(REDIS_CONNECTION)
REDIS_PASSWORD = REDIS_CONNECTION["password"] or ""
_CACHE = redis_settings.cache_options(REDIS_CONNECTION)
CACHES = {
    "default": {
        "BACKEND": "django_prometheus.cache.backends.redis.RedisCache",
        "LOCATION": _CACHE["LOCATION"],
        "OPTIONS": {
            **_CACHE["OPTIONS"],
            # The default one is pickle: whoever writes to Redis would run code here.
            "SERIALIZER": "dataflow_site.cache_serializer.SignedJSON",
            "SOCKET_CONNECT_TIMEOUT": 0.09,
            "SOCKET_TIMEOUT": 0.09,
            # Without Redis every answer is only slower, never an error.
            "IGNORE_EXCEPTIONS": True,
        },
    }
}

# --- Kafka ---
KAFKA_BOOTSTRAP_SERVERS = items(local_ports.address("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:{port}"))
KAFKA_SECURITY_PROTOCOL = env.str("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT").upper()
KAFKA_SASL_MECHANISM = env.str("KAFKA_SASL_MECHANISM", "PLAIN").upper()
KAFKA_SASL_USERNAME = env.str("KAFKA_SASL_USERNAME", "")
KAFKA_SASL_PASSWORD = env.str("KAFKA_SASL_PASSWORD", "")
KAFKA_SSL_CAFILE = env.str("KAFKA_SSL_CAFILE", "")
KAFKA_SSL_CERTFILE = env.str("KAFKA_SSL_CERTFILE", "")
KAFKA_SSL_KEYFILE = env.str("KAFKA_SSL_KEYFILE", "")
KAFKA_TOPIC_RAW_DATA = env.str("KAFKA_TOPIC_RAW_DATA", "raw-data")
KAFKA_TOPIC_PROCESSED_DATA = env.str("KAFKA_TOPIC_PROCESSED_DATA", "processed-data")
DATAFLOW_PROCESSED_ONE_EVENT_PER_RECORD = env.bool("DATAFLOW_PROCESSED_ONE_EVENT_PER_RECORD", default=False)
DATAFLOW_KAFKA_PARTITIONS = env.int("DATAFLOW_KAFKA_PARTITIONS", 6)
DATAFLOW_KAFKA_REPLICATION = env.int("DATAFLOW_KAFKA_REPLICATION", 1)
DATAFLOW_KAFKA_RETENTION_DAYS = env.int("DATAFLOW_KAFKA_RETENTION_DAYS", 7)
DATAFLOW_CONSUMER_GROUP = env.str("DATAFLOW_CONSUMER_GROUP", "dataflow-processing")

# --- Ports of our own processes ---
INGESTION_SERVICE_PORT = local_ports.port("INGESTION_SERVICE_PORT")
GRPC_SERVICE_PORT = local_ports.port("GRPC_SERVICE_PORT")
# Where the gRPC receiver listens; in a container that is 0.0.0.0.
DATAFLOW_GRPC_HOST = env.str("DATAFLOW_GRPC_HOST", "127.0.0.1")
# Where it answers health and metrics over HTTP.
DATAFLOW_GRPC_METRICS_PORT = local_ports.port("DATAFLOW_GRPC_METRICS_PORT")
PROCESSOR_SERVICE_PORT = local_ports.port("PROCESSOR_SERVICE_PORT")
# Where the consumer answers health and metrics; in a container that is 0.0.0.0.
DATAFLOW_CONSUMER_HOST = env.str("DATAFLOW_CONSUMER_HOST", "127.0.0.1")
# Where jobs answer health and metrics; in a container that is 0.0.0.0.
DATAFLOW_JOBS_PORT = local_ports.port("DATAFLOW_JOBS_PORT")
DATAFLOW_JOBS_HOST = env.str("DATAFLOW_JOBS_HOST", "127.0.0.1")
API_SERVICE_PORT = local_ports.port("API_SERVICE_PORT")

# --- Metrics, and the details of readiness ---
# Addresses and networks that may read them. Not for requests that a proxy passes on.
DATAFLOW_METRICS_FROM = env.list(
    "DATAFLOW_METRICS_FROM",
    default=[
        *("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
        *("169.254.0.0/16", "fc00::/7", "fe80::/10"),
    ],
)
# Who sends it as `Authorization: Bearer` may, too.
DATAFLOW_METRICS_KEY = env.str("DATAFLOW_METRICS_KEY", "")

# --- The receivers ---
DATAFLOW_MAX_BODY_BYTES = env.int("DATAFLOW_MAX_BODY_BYTES", 5 * 1024 * 1024)
DATAFLOW_MAX_EVENT_BYTES = env.int("DATAFLOW_MAX_EVENT_BYTES", 256 * 1024)
DATAFLOW_MAX_BATCH_EVENTS = env.int("DATAFLOW_MAX_BATCH_EVENTS", 1_000)
DATAFLOW_MAX_HEADER_BYTES = env.int("DATAFLOW_MAX_HEADER_BYTES", 16 * 1024)
DATAFLOW_MAX_HEADERS = env.int("DATAFLOW_MAX_HEADERS", 100)
# How long a client may take to send them, and then the body.
DATAFLOW_HEADER_SECONDS = env.float("DATAFLOW_HEADER_SECONDS", 10.0)
DATAFLOW_BODY_SECONDS = env.float("DATAFLOW_BODY_SECONDS", 15.0)
# How long a client may take to read what was written for it; a slow one has to read some 2 KB/s.
DATAFLOW_WRITE_SECONDS = env.float("DATAFLOW_WRITE_SECONDS", 30.0)
# How long an idle connection is kept. Longer than proxies and clients keep theirs, or they write to one that was just closed:
# nginx and AWS' load balancers take 60 s. How many are kept, per process: half of the 1,024 files that it may open by default.
DATAFLOW_KEEP_ALIVE_SECONDS = env.float("DATAFLOW_KEEP_ALIVE_SECONDS", 75.0)
DATAFLOW_MAX_IDLE_CONNECTIONS = env.int("DATAFLOW_MAX_IDLE_CONNECTIONS", 500)
# Calls of the gRPC receiver that are open at one time: of one key, or of one address without a key, and of the process.
DATAFLOW_GRPC_CALLS_PER_KEY = env.int("DATAFLOW_GRPC_CALLS_PER_KEY", 200)
DATAFLOW_GRPC_CALLS = env.int("DATAFLOW_GRPC_CALLS", 1_000)
# How long a stream waits for its first batch, and for each further one.
DATAFLOW_GRPC_FIRST_MESSAGE_SECONDS = env.float("DATAFLOW_GRPC_FIRST_MESSAGE_SECONDS", 30.0)
DATAFLOW_GRPC_IDLE_SECONDS = env.float("DATAFLOW_GRPC_IDLE_SECONDS", 300.0)
DATAFLOW_MAX_SOURCES = env.int("DATAFLOW_MAX_SOURCES", 100_000)
# The bodies on their way at one time, as announced or received and unpacked: of one process, and of one key. The second is
# six of the largest bodies, or a thousand connections whose small bodies do not end.
DATAFLOW_BODY_BUDGET_BYTES = env.int("DATAFLOW_BODY_BUDGET_BYTES", 128 * 1024 * 1024)
DATAFLOW_KEY_BODY_BUDGET_BYTES = env.int("DATAFLOW_KEY_BODY_BUDGET_BYTES", 32 * 1024 * 1024)
DATAFLOW_NEW_SOURCES_PER_KEY = env.int("DATAFLOW_NEW_SOURCES_PER_KEY", 20_000)
# What may wait for Kafka at one time, over all requests of one process.
DATAFLOW_IN_FLIGHT_BYTES = env.int("DATAFLOW_IN_FLIGHT_BYTES", 32 * 1024 * 1024)
DATAFLOW_IN_FLIGHT_EVENTS = env.int("DATAFLOW_IN_FLIGHT_EVENTS", 100_000)
# From a request's last byte to its answer.
DATAFLOW_PUBLISH_DEADLINE_SECONDS = env.float("DATAFLOW_PUBLISH_DEADLINE_SECONDS", 5.0)
# What is kept of the answers to requests with an Idempotency-Key, for one API key.
DATAFLOW_IDEMPOTENCY_BYTES_PER_KEY = env.int("DATAFLOW_IDEMPOTENCY_BYTES_PER_KEY", 8 * 1024 * 1024)

# Past these limits receivers answer 503 until processing has caught up; 0 turns a limit off.
DATAFLOW_GUARD_LAG_SECONDS = env.float("DATAFLOW_GUARD_LAG_SECONDS", 0.0)
DATAFLOW_GUARD_DEAD_LETTER_PERCENT = env.float("DATAFLOW_GUARD_DEAD_LETTER_PERCENT", 0.0)
# What ingestion asks about processing, which it can't import.
DATAFLOW_GUARD_WATCH = "processing.monitoring.backlog.Watch"

# --- Keys ---
# Whether events are taken, and data is shown, without a key.
DATAFLOW_OPEN_INGEST = env.bool("DATAFLOW_OPEN_INGEST", DEBUG)
DATAFLOW_OPEN_READ = env.bool("DATAFLOW_OPEN_READ", DEBUG)
# Only sources that stand in the admin may send; otherwise a new one is registered when it first sends.
DATAFLOW_REQUIRE_KNOWN_SOURCES = env.bool("DATAFLOW_REQUIRE_KNOWN_SOURCES", False)
# The rate of keys that have none of their own, as "events:seconds,..."; empty is no limit.
DATAFLOW_KEY_RATE = env.str("DATAFLOW_KEY_RATE", "")

# --- The live feed: sockets of one web process ---
DATAFLOW_LIVE_SOCKETS = env.int("DATAFLOW_LIVE_SOCKETS", 500)
DATAFLOW_LIVE_SOCKETS_PER_USER = env.int("DATAFLOW_LIVE_SOCKETS_PER_USER", 32)

# Addresses or networks of proxies whose X-Forwarded-For is believed.
DATAFLOW_TRUSTED_PROXIES = env.list("DATAFLOW_TRUSTED_PROXIES", default=[])

# --- The consumer ---
DATAFLOW_BATCH_EVENTS = env.int("DATAFLOW_BATCH_EVENTS", 10_000)
DATAFLOW_MAX_FIELDS_PER_SOURCE = env.int("DATAFLOW_MAX_FIELDS_PER_SOURCE", 500)
# Rows by minute that one source may cause or change with what is received in one minute; events past it are stored but not
# rolled up. 0: no limit.
DATAFLOW_ROLLUP_ROWS_PER_MINUTE = env.int("DATAFLOW_ROLLUP_ROWS_PER_MINUTE", 50_000)
# How long receivers take no event of a source of which too many became dead letters; doubled when it happens again; 0: never.
DATAFLOW_SOURCE_THROTTLE_SECONDS = env.float("DATAFLOW_SOURCE_THROTTLE_SECONDS", 60.0)

# --- Jobs ---
# How often rollups and ledger are packed; 0: never.
DATAFLOW_PACK_EVERY_HOURS = env.float("DATAFLOW_PACK_EVERY_HOURS", 6.0)

# --- Warnings before something is full or gone; 0 turns one off ---
DATAFLOW_WARN_DISK_PERCENT = env.float("DATAFLOW_WARN_DISK_PERCENT", 85.0)
# How old unread records may be, against the age at which Kafka removes them.
DATAFLOW_WARN_RETENTION_PERCENT = env.float("DATAFLOW_WARN_RETENTION_PERCENT", 50.0)
# Further paths, with commas, whose volumes the consumer watches: those of servers that don't tell it by themselves.
DATAFLOW_VOLUMES = env.str("DATAFLOW_VOLUMES", "")
# How often a consumer checks that the servers still have what they confirmed, and of how many events in MongoDB.
DATAFLOW_CHECK_SECONDS = env.float("DATAFLOW_CHECK_SECONDS", 60.0)
DATAFLOW_CHECK_DOCUMENTS = env.int("DATAFLOW_CHECK_DOCUMENTS", 100)

REST_FRAMEWORK: dict[str, object] = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "EXCEPTION_HANDLER": "queries.errors.handle",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "queries.content_negotiation.ContentNegotiation",
    "DEFAULT_RENDERER_CLASSES": ["queries.json_renderer.FastJSONRenderer"],
}
SPECTACULAR_SETTINGS = {
    "TITLE": "data-flow-engine",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": ["queries.openapi.document.complete", "dataflow_site.openapi.document.add"],
    "VERSION": VERSION,
}

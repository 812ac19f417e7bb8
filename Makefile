# The Python that makes .venv; 3.11 or newer.
PYTHON ?= python3
# Processes that run tests. Most tests wait for servers, so three keep two cores busy.
WORKERS ?= 3
BOOTSTRAP = @$(PYTHON) -m deploy.local.bootstrap
DEV = $(BOOTSTRAP) requirements-dev.txt -- -m

.DEFAULT_GOAL := help
.PHONY: help run build cluster test thorough faults faults-cluster check bench bench-queries profile fuzz abuse demo screenshots requirements audit sbom manifests clean-data

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start everything on this machine and show its logs (Ctrl-C stops it)
	$(BOOTSTRAP) requirements.txt requirements-local.txt -- -m deploy.local.run

build: ## Build the image; without Docker, build and check all that it would hold (build/data-flow-engine.tar.gz)
	$(BOOTSTRAP) requirements.txt -- -m deploy.docker.build

cluster: ## Start it on three brokers, a replica set and two PostgreSQL servers, all here (Ctrl-C stops it)
	$(BOOTSTRAP) requirements.txt requirements-local.txt -- -m deploy.cluster.run

# Hundreds of processes start: without bytecode each would compile the project again.
test: export PYTHONDONTWRITEBYTECODE =
test: ## Run all tests in parallel, with real servers of their own
	$(DEV) deploy.testing.phases $(WORKERS)

thorough: ## Run the tests of which make test has a sample only, faults apart (about 10 minutes)
	$(DEV) deploy.testing.phases $(WORKERS) --thorough

faults: ## Inflict every fault with five seeds, write docs/faults.md (about 95 minutes)
	$(DEV) deploy.faults

faults-cluster: ## Inflict the faults of clusters with three seeds, write their part of docs/faults.md (about 15 minutes)
	$(DEV) deploy.faults --cluster

check: ## Check style, types, layers, settings, migrations, and all that deploys and monitors it
	$(DEV) deploy.check

bench: ## Measure speed and memory, print one table (BENCH='--only peers': beside a peer; '--only sizing', '--only disk': bytes)
	$(DEV) deploy.bench $(BENCH)

bench-queries: ## Measure reading on ten million rows, which takes minutes to fill in (BENCH='--keep DIR', then '--use DIR')
	$(DEV) deploy.bench.queries $(BENCH)

profile: ## Record receiver and consumer under load with py-spy, print what takes the time (about 3 minutes; as root)
	$(DEV) deploy.profiling

fuzz: ## Send ten minutes of bent requests to real receivers and to the whole site, signed in
	$(DEV) deploy.fuzz

abuse: ## Attack a product in every known way for ten minutes, print what a neighbour noticed
	$(DEV) deploy.abuse

demo: ## Send 18,979 real weather events through a few rules, then a live feed (while `make run` runs)
	$(DEV) deploy.demo

screenshots: ## Take pictures of every page under load into var/screenshots, and the README's (about 8 minutes)
	$(DEV) deploy.screenshots

requirements: ## Pin the packages of requirements*.in with their hashes (UPGRADE=--upgrade: the newest ones)
	$(DEV) deploy.packages $(UPGRADE)

manifests: ## Render the manifests for Kubernetes into deploy/kubernetes/rendered (needs kustomize, kubectl or go)
	$(DEV) deploy.kubernetes.render

audit: ## Ask about known holes in the packages that production installs (needs the network)
	$(DEV) deploy.packages.audit --required

sbom: ## Write what production installs to var/sbom.json (CycloneDX)
	$(DEV) deploy.packages.sbom

clean-data: ## Remove the data of the local servers
	@$(PYTHON) -m deploy.local.clean

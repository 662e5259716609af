# Every habit of the project is one command. PG_CONFIG chooses the Postgres, for instance
#     make test PG_CONFIG=/usr/lib/postgresql/17/bin/pg_config
# without it the highest major under /usr/lib/postgresql is taken, else the pg_config in PATH.

SHELL := /bin/bash
export PATH := $(HOME)/.cargo/bin:$(PATH)
ifdef PG_CONFIG
export PG_CONFIG
endif
ifdef PEERS
export PEERS
endif

ENGINE := -p pg_recommend_engine

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup build install installcheck package test test-unit test-install test-regress test-drive test-isolation drive fuzz miri valgrind \
	test-kernels test-cluster test-majors test-neon test-models gpu-check demo bench bench-recommend bench-write bench-interest bench-features bench-graph \
	bench-topk bench-topk-sql bench-ctr bench-rank bench-engine accuracy fmt lint clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 20

setup: ## Install what building and testing need (as root by apt, else it prints what to type)
	@scripts/setup

build: setup ## Build the extension in release
	@scripts/install --build

install: setup ## Build and install into the chosen Postgres
	@scripts/install

installcheck: ## Run the SQL tests against the installed extension in the running server (PGHOST, PGPORT, ...)
	@scripts/regress --installcheck

package: setup ## Build a tar.gz with the files to install
	@scripts/install --package

demo: setup test-install ## Load a real shop's log into a throwaway cluster and watch Postgres recommend from it
	@scripts/demo

test: setup test-unit test-kernels test-install test-regress test-drive test-isolation test-cluster ## Run all tests (some ten minutes on 2 cores the first time, three after that)
	@echo "All tests passed."

test-unit: setup ## Run the engine's unit and property tests, without Postgres
	cargo test $(ENGINE) -p pg_recommend_gpu_service

test-kernels: setup ## Make the PTX of the kernels anew, compare and assemble it, and run the kernels on the host
	@scripts/ptx --check
	cargo test -p pg_recommend_gpu --features simulated

test-install: setup
	@scripts/install --for-tests

test-regress: test-install ## Run pg_regress/ in a throwaway cluster
	@scripts/regress

test-drive: test-install ## Call every function with edge-case arguments, some thousand calls
	@scripts/drive

drive: test-install ## The same for long (CALLS=1000 of each function, SEED=random)
	@scripts/drive $(or $(CALLS),1000) $(or $(SEED),random)

fuzz: setup ## Fuzz what reads bytes of others (MINUTES=1 for each target, TARGETS="packed onnx")
	@scripts/fuzz $(or $(MINUTES),1) $(TARGETS)

miri: ## Run the tests of the engine's parsers under Miri (fetches a nightly toolchain)
	@scripts/miri

valgrind: test-install ## Run the SQL tests with the server under valgrind (TESTS="packed interest"; hours for all)
	@scripts/valgrind $(TESTS)

test-isolation: test-install ## Run tests/isolation/: concurrent sessions, step by step
	@scripts/regress --isolation

test-cluster: test-install ## Run tests/cluster/: replication, standby, crash, dump and restore
	@scripts/cluster-tests

test-majors: ## Run the tests on PostgreSQL 14 and 16 to 18, in chroots of Ubuntu and Debian (root, about 4 GB each)
	@scripts/test-majors

test-neon: setup ## Run the engine's tests as aarch64 code, under qemu where this is another processor (some six minutes)
	@scripts/test-neon

test-models: test-install ## Export models by the Python libraries, run docs/models.md, and compare all scores (4 GB from PyPI; TORCH=no: 1)
	@scripts/test-models

bench: bench-engine bench-recommend bench-write bench-features accuracy ## Run all benches that need no root and print their tables

bench-engine: setup ## Bench the engine in memory, without Postgres
	cargo bench $(ENGINE) --bench engine

bench-recommend: test-install ## Bench recommend() against SELECT 1 and plain SQL (EVENTS="1000000 10000000")
	@scripts/bench-recommend $(EVENTS)

bench-write: test-install ## Bench tracked INSERT and COPY, the compactor, and the bytes per event
	@scripts/bench-write

bench-interest: ## Bench interest aggregates beside plain SQL and pgvector (ROWS=5000000; root; without pgvector: PEERS=no)
	@scripts/bench-interest
	@$(MAKE) --no-print-directory bench-features

bench-features: test-install ## Bench features of candidates beside plain SQL, training sets beside LATERAL joins (EVENTS=1000000)
	@scripts/bench-features

bench-graph: ## Bench graph functions beside SQL by hand, Apache AGE and Ladybug (root; without the last two: PEERS=no)
	@scripts/bench-graph $(EVENTS)

bench-topk: setup ## Bench exact top-k by cosine beside faiss-cpu, usearch and numpy (SHAPES="1000000x128 100000x768")
	@scripts/bench-topk $(SHAPES)

bench-topk-sql: ## Bench exact top-k in SQL beside pgvector's exact order and HNSW (root; without pgvector: PEERS=no)
	@scripts/bench-topk-sql

gpu-check: setup ## Where a GPU is: answers against scoring every row, sanitizer, bench table (docs/gpu.md)
	@scripts/gpu-check

bench-rank: test-install ## Bench recommend() with a model that ranks (EVENTS=1000000; 1 GB from PyPI)
	@scripts/bench-rank

bench-ctr: ## Bench models beside Python's onnxruntime (ROWS=1000000; 1 GB from PyPI)
	@scripts/bench-ctr

accuracy: test-install ## Print the accuracy on two public logs, from the engine and through SQL
	cargo bench $(ENGINE) --bench accuracy
	@scripts/accuracy

fmt: ## Format the Rust code
	cargo fmt --all

lint: setup ## Check formatting, clippy, the engine's purity, where unsafe is, and the scripts
	@scripts/lint

clean: ## Remove what was built
	cargo clean

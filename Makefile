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
ifdef DESTDIR
export DESTDIR
endif

ENGINE := -p pg_recommend_engine
# The compiler of the kernels is to be had for x86_64 alone; what it writes is the same on all machines.
PTX := $(if $(filter x86_64,$(shell uname -m)),test-ptx)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup all build install uninstall install-symbols installcheck package test test-unit test-install release-install test-regress test-isolation \
	test-ptx test-kernels test-cluster test-majors test-deb test-neon test-models gpu-check demo bench bench-recommend bench-write bench-interest bench-features bench-graph \
	bench-topk bench-topk-sql bench-ctr bench-rank bench-engine accuracy fmt lint onnx-messages clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 20

setup: ## Install what building and testing need (as root by apt, else it prints what to type)
	@scripts/setup

build: setup ## Build the extension in release
	@scripts/install --build

all: build

install: ## Build and install into the chosen Postgres, below DESTDIR if that is set
	@scripts/install

install-symbols: ## Install what debuggers and profilers want to know of the library
	@scripts/install --symbols

uninstall: ## Remove what was installed
	@scripts/install --uninstall

installcheck: ## Run the SQL tests against the installed extension in the running server (PGHOST, PGPORT, ...)
	@scripts/regress --installcheck

package: setup ## Build a .deb for each Postgres, or for that of PG_CONFIG, and the zip for PGXN, in target/package
	@scripts/package

demo: setup ## Load a real shop's log into a throwaway cluster and watch Postgres recommend from it
	@PROFILE=demo scripts/install --for-tests
	@scripts/demo

test: test-unit $(PTX) test-regress test-isolation test-cluster ## Run all tests (some ten minutes on 2 cores the first time, three after that)
	@echo "All tests passed."

test-unit: setup ## Run the unit and property tests of the crates, without Postgres: the engine, the GPU's kernels on the host, and their service
	@scripts/unit-tests

test-ptx: setup
	@scripts/ptx --check

test-kernels: $(PTX) ## Make the PTX of the kernels anew, compare and assemble it, and run the kernels on the host
	@scripts/unit-tests --test gpu

test-install: setup
	@PROFILE=tested scripts/install --for-tests

release-install: setup
	@scripts/install --for-tests

test-regress: test-install ## Run pg_regress/ in a throwaway cluster
	@scripts/regress

test-isolation: test-install ## Run tests/isolation/: concurrent sessions, step by step
	@scripts/regress --isolation

test-cluster: test-install ## Run tests/cluster/: replication, standby, crash, dump and restore
	@scripts/cluster-tests

test-majors: ## Run the tests on PostgreSQL 14 and 16 to 18, in chroots of Ubuntu and Debian (root, about 4 GB each)
	@scripts/test-majors

test-deb: ## Install the .deb on fresh Debian 12 and 13, in chroots, and recommend (root, about 4 GB each)
	@scripts/test-deb

test-neon: setup ## Run the engine's tests as aarch64 code, under qemu where this is another processor (some six minutes)
	@scripts/test-neon

test-models: release-install ## Export models by the Python libraries, run docs/models.md, and compare all scores (4 GB from PyPI; TORCH=no: 1)
	@scripts/test-models

bench: bench-engine bench-recommend bench-write bench-features accuracy ## Run all benches that need no root and print their tables

bench-engine: setup ## Bench the engine in memory, without Postgres
	cargo bench $(ENGINE) --bench engine

bench-recommend: release-install ## Bench recommend() against SELECT 1 and plain SQL (EVENTS="1000000 10000000")
	@scripts/bench-recommend $(EVENTS)

bench-write: release-install ## Bench tracked INSERT and COPY, the compactor, and the bytes per event
	@scripts/bench-write

bench-interest: ## Bench interest aggregates beside plain SQL and pgvector (ROWS=5000000; root; without pgvector: PEERS=no)
	@scripts/bench-interest
	@$(MAKE) --no-print-directory bench-features

bench-features: release-install ## Bench features of candidates beside plain SQL, training sets beside LATERAL joins (EVENTS=1000000)
	@scripts/bench-features

bench-graph: ## Bench graph functions beside SQL by hand, Apache AGE and Ladybug (root; without the last two: PEERS=no)
	@scripts/bench-graph $(EVENTS)

bench-topk: setup ## Bench exact top-k by cosine beside faiss-cpu, usearch and numpy (SHAPES="1000000x128 100000x768")
	@scripts/bench-topk $(SHAPES)

bench-topk-sql: ## Bench exact top-k in SQL beside pgvector's exact order and HNSW (root; without pgvector: PEERS=no)
	@scripts/bench-topk-sql

gpu-check: setup ## Where a GPU is: answers against scoring every row, sanitizer, bench table (docs/gpu.md)
	@scripts/gpu-check

bench-rank: release-install ## Bench recommend() with a model that ranks (EVENTS=1000000; 1 GB from PyPI)
	@scripts/bench-rank

bench-ctr: ## Bench models beside Python's onnxruntime (ROWS=1000000; 1 GB from PyPI)
	@scripts/bench-ctr

accuracy: release-install ## Print the accuracy on two public logs, from the engine and through SQL
	cargo bench $(ENGINE) --bench accuracy
	@scripts/accuracy

fmt: ## Format the Rust code
	cargo fmt --all

onnx-messages: ## Write crates/engine/src/model/onnx.rs anew from onnx-ml.proto
	cargo run -q -p pg_recommend_onnx_messages

lint: setup ## Check formatting, clippy, the engine's purity, where unsafe is, and the scripts
	@scripts/lint

clean: ## Remove what was built
	cargo clean

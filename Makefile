# Every target is a script under scripts/ or one command; `make help` lists them.

.DEFAULT_GOAL := help
.PHONY: help up build setup test test-deploy test-upgrade test-vault chaos lint fmt openapi settings bench clean
MAKEFLAGS += --no-print-directory

help: ## list the targets
	@echo "Start here:  make up     then open the address it prints"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## build console and binary, then run the whole platform (data in ./data)
	@scripts/up.sh

build: ## build console and binary: leaves target/release/saas
	@scripts/build.sh

setup: ## install what the tests need (root or sudo); quick when all is there
	@scripts/setup.sh

test: ## install what is missing, run every test, say what ran (only="rust docs": these parts)
	@scripts/test.sh $(only)

test-deploy: ## build the images and run the production stack in containers (root; long)
	@scripts/test-deploy.sh $(args)

test-upgrade: ## the version before and this one side by side under traffic; builds that first (long)
	@scripts/test-upgrade.sh $(args)

test-vault: ## secrets from a real Vault-like server, which is built the first time (long)
	@scripts/test-vault.sh $(args)

chaos: ## break the platform under load for ten minutes (args="--seed 7 --minutes 60")
	@scripts/chaos.sh $(args)

lint: ## the quick part of the tests: formatting, lints, licences, types
	@scripts/test.sh lint

fmt: ## format Rust and TypeScript
	@cargo fmt --all
	@npm --prefix frontend/admin run --silent format

openapi: ## write docs/openapi/*.json, the API reference and the console's client afresh
	@scripts/openapi.sh

settings: ## write docs/SETTINGS.md, its translation and .env.prod.example afresh
	@scripts/settings.sh

bench: ## measure the release build beside nginx and write docs/BENCHMARKS.md
	@scripts/bench.sh $(args)

clean: ## remove what was built; ./data and .venv stay
	@cargo clean
	@rm -rf frontend/admin/dist frontend/admin/node_modules test-results

# Two commands are enough: `make run` to try hippo, `make test` to check it.
# Each does all the set-up it needs, and only once. The work is in scripts/.

.DEFAULT_GOAL := help
.PHONY: help run stop test lint fmt bench eval install uninstall setup samples deny clean-run

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  FOLDER=~/Documents make run    try hippo on a folder of yours"
	@echo "  PREFIX=/usr/local make install install for everybody (default ~/.local)"

run: ## Build, start on the samples (or FOLDER=...), ask three questions
	@scripts/run

stop: ## Stop what `make run` started
	@scripts/stop

test: ## Run every test
	@scripts/test

lint: ## Formatting and lints, warnings denied
	@scripts/lint

fmt: ## Format the code
	cargo fmt --all

bench: ## Measure speed, memory and disk (minutes)
	@scripts/bench

eval: ## Measure what is found, and write docs/evaluation.md (minutes)
	@scripts/eval

install: ## Install hippo into PREFIX (default ~/.local)
	@scripts/install

uninstall: ## Remove what install put there (settings and data stay)
	@scripts/install --remove

setup: ## Fetch what the build and the program need; the others do it too
	@scripts/setup

samples: ## Write the sample PDFs anew (they are in the repository)
	python3 scripts/make-samples.py

deny: ## Check licences and advisories of the dependencies (needs cargo-deny)
	cargo deny check

clean-run: stop ## Forget what `make run` has indexed
	rm -rf .hippo/home

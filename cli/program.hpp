// The commands: each function adds one to the parser and, when it is the one that was asked for, sets `action`.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "cli/context.hpp"

namespace weft::cli {

using Action = std::function<Result<int>(Context&)>;

struct Program {
    CLI::App& app;
    Action action;
};

void add_status(Program& program);
void add_endpoint(Program& program);
void add_policy(Program& program);
void add_identity(Program& program);
void add_rule(Program& program);
void add_observe(Program& program);
void add_explain(Program& program);
void add_map(Program& program);
void add_version(Program& program);
void add_completion(Program& program);

}  // namespace weft::cli

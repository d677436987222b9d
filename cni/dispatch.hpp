// The CNI protocol: environment and standard input to a verb, its answer to standard output.
#pragma once

#include <cstdio>
#include <span>

#include "cni/call.hpp"
#include "cni/commands.hpp"
#include "cni/version.hpp"

namespace weft::cni {

// What a plugin sees of the world.
struct World {
    Environment environment;
    int input;  // descriptor
    std::FILE* output;
};

// A verb: which variables it needs, since when the specification has it, who carries it out.
struct Verb {
    std::string_view name;
    CallNeeds needs;
    Version since;
    Answer (*run)(const Request&);
};

// All verbs but VERSION, which needs no configuration.
std::span<const Verb> verbs();

// Exit status: 0, or 1 with an error object on the output.
int run(const World& world);

}  // namespace weft::cni

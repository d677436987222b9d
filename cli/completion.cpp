// Completion for bash, made from the commands themselves, so that it cannot lag behind them.
#include <algorithm>

#include "cli/program.hpp"

namespace weft::cli {

namespace {

void words_of(const CLI::App& command, std::string& words) {
    for (const auto* sub : command.get_subcommands([](const CLI::App*) { return true; }))
        words += sub->get_name() + " ";
    for (const auto* option : command.get_options()) {
        for (const auto& name : option->get_lnames()) words += "--" + name + " ";
        for (const auto& name : option->get_snames()) words += "-" + name + " ";
    }
}

// One line of a case for each command: its path and the words that may follow.
void cases_of(const CLI::App& command, const std::string& path, std::string& out) {
    std::string words;
    words_of(command, words);
    out += fmt::format("    \"{}\") words=\"{}\" ;;\n", path, words);
    for (const auto* sub : command.get_subcommands([](const CLI::App*) { return true; }))
        cases_of(*sub, (path.empty() ? "" : path + " ") + sub->get_name(), out);
}

constexpr const char* kHead = R"(# bash completion for weft: source <(weft completion bash)
_weft() {
  local word path="" words="" known
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] && continue
    known="${path:+$path }$word"
    _weft_words "$known" && path="$known"
  done
  _weft_words "$path"
  [[ $path == "map dump" ]] && words+=$(weft map list 2>/dev/null | awk 'NR > 1 { print $1 }')
  local current="${COMP_WORDS[COMP_CWORD]}"
  if [[ ${COMP_WORDS[COMP_CWORD-1]} == -f && $path == "policy "* || $path == "policy test" && $current != -* ]]; then
    COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
  else
    COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
  fi
}
_weft_words() {
  case $1 in
)";

constexpr const char* kTail = R"(    *) return 1 ;;
  esac
}
complete -F _weft weft
)";

}  // namespace

void add_completion(Program& program) {
    auto* command = program.app.add_subcommand("completion", "Completion script for a shell");
    command->require_subcommand(1);
    command->add_subcommand("bash", "source <(weft completion bash)")->callback([&program] {
        program.action = [&program](Context& context) -> Result<int> {
            std::string cases;
            cases_of(program.app, "", cases);
            context.io.out << kHead << cases << kTail;
            return kOk;
        };
    });
}

}  // namespace weft::cli

#include "cli/options.h"

#include <charconv>

#include "cli/output.h"

namespace systole::cli {
namespace {

const Option kHelp{"help", '?', Option::Takes::kNothing, "", "Show this help", "help-all"};
const Option kVersion{"version", '$', Option::Takes::kNothing, "", "Show the version"};

bool answers_to(const Option& option, std::string_view name) {
  if (name == option.key) return true;
  std::string_view rest = option.also;
  while (!rest.empty()) {
    const std::size_t blank = std::min(rest.find(' '), rest.size());
    if (rest.substr(0, blank) == name) return true;
    rest.remove_prefix(std::min(blank + 1, rest.size()));
  }
  return false;
}

template <typename Match>
const Option* find(const Manual& manual, Match match) {
  for (const OptionGroup& group : manual.groups) {
    for (const Option& option : group.options) {
      if (match(option)) return &option;
    }
  }
  if (match(kHelp)) return &kHelp;
  return match(kVersion) ? &kVersion : nullptr;
}

const Option* by_name(const Manual& manual, std::string_view name) {
  return find(manual, [&](const Option& o) { return answers_to(o, name); });
}

// The option that shares most of its beginning with what was typed.
std::string closest(const Manual& manual, std::string_view name) {
  std::string best;
  std::size_t most = 2;
  for (const OptionGroup& group : manual.groups) {
    for (const Option& option : group.options) {
      const std::string_view key = option.key;
      std::size_t same = 0;
      while (same < key.size() && same < name.size() && key[same] == name[same]) ++same;
      if (same > most) {
        most = same;
        best = key;
      }
    }
  }
  return best.empty() ? "" : "; did you mean --" + best + "?";
}

class Reader {
 public:
  Reader(const Manual& manual, const std::vector<std::string>& args) : manual_(manual), args_(args) {}

  Result<Parsed> read() {
    for (at_ = 0; at_ < args_.size(); ++at_) {
      const std::string& word = args_[at_];
      if (word == "--") {
        parsed_.operands.insert(parsed_.operands.end(), args_.begin() + static_cast<std::ptrdiff_t>(at_) + 1,
                                args_.end());
        break;
      }
      Result<void> done;
      if (word.starts_with("--"))
        done = long_option(word.substr(2));
      else if (word.size() > 1 && word[0] == '-')
        done = bundle(word);
      else
        parsed_.operands.push_back(word);
      if (!done) return fail(done.error());
    }
    return std::move(parsed_);
  }

 private:
  Result<void> long_option(const std::string& word) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const Option* option = by_name(manual_, name);
    if (option == nullptr)
      return fail(Errc::kInvalidArgument, "unknown option --{}{}", printable(name), closest(manual_, name));
    if (equals != std::string::npos) {
      if (option->takes == Option::Takes::kNothing)
        return fail(Errc::kInvalidArgument, "--{} takes no value", name);
      parsed_.given.emplace_back(option->key, word.substr(equals + 1));
      return {};
    }
    return with_next(*option, "--" + name);
  }

  Result<void> bundle(const std::string& word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const char letter = word[i];
      const Option* option =
          find(manual_, [&](const Option& o) { return o.letter == letter && letter != 0; });
      if (option == nullptr)
        return fail(Errc::kInvalidArgument, "unknown option -{}", printable(std::string(1, letter)));
      const std::string rest = word.substr(i + 1);
      const bool number = !rest.empty() && rest[0] >= '0' && rest[0] <= '9';
      if ((option->takes == Option::Takes::kValue && !rest.empty()) ||
          (option->takes == Option::Takes::kMaybe && number)) {
        parsed_.given.emplace_back(option->key, rest[0] == '=' ? rest.substr(1) : rest);
        return {};
      }
      if (!rest.empty())
        parsed_.given.emplace_back(option->key, "");
      else
        return with_next(*option, std::string("-") + letter);
    }
    return {};
  }

  Result<void> with_next(const Option& option, const std::string& written) {
    const bool more = at_ + 1 < args_.size();
    const bool word = more && !args_[at_ + 1].starts_with('-');
    if (option.takes == Option::Takes::kValue && !more) {
      return fail(Errc::kInvalidArgument, "{} needs a value ({})", written, option.value);
    }
    const bool take =
        option.takes == Option::Takes::kValue || (option.takes == Option::Takes::kMaybe && word);
    parsed_.given.emplace_back(option.key, take ? args_[++at_] : "");
    return {};
  }

  const Manual& manual_;
  const std::vector<std::string>& args_;
  std::size_t at_ = 0;
  Parsed parsed_;
};

std::string help_line(const Option& option) {
  std::string left = "  ";
  left += option.letter != 0 ? fmt::format("-{}, ", option.letter) : "    ";
  left += fmt::format("--{}", option.key);
  if (option.takes == Option::Takes::kValue) left += fmt::format("={}", option.value);
  if (option.takes == Option::Takes::kMaybe) left += fmt::format("[={}]", option.value);
  return left.size() < 34 ? fmt::format("{:<34}{}\n", left, option.help)
                          : fmt::format("{}\n{:<34}{}\n", left, "", option.help);
}

}  // namespace

int Parsed::count(std::string_view key) const {
  return static_cast<int>(
      std::count_if(given.begin(), given.end(), [&](const auto& g) { return g.first == key; }));
}

std::string Parsed::value(std::string_view key, std::string otherwise) const {
  for (auto it = given.rbegin(); it != given.rend(); ++it) {
    if (it->first == key) return it->second;
  }
  return otherwise;
}

std::vector<std::string> Parsed::values(std::string_view key) const {
  std::vector<std::string> all;
  for (const auto& [name, value] : given) {
    if (name == key) all.push_back(value);
  }
  return all;
}

std::string Parsed::last_of(const std::vector<std::string_view>& keys) const {
  for (auto it = given.rbegin(); it != given.rend(); ++it) {
    if (std::find(keys.begin(), keys.end(), it->first) != keys.end()) return it->first;
  }
  return "";
}

Result<Parsed> parse_options(const Manual& manual, const std::vector<std::string>& args) {
  return Reader(manual, args).read();
}

std::string help_text(const std::string& tool, const Manual& manual) {
  std::string text = fmt::format("{} - {}\n\nUsage: {} {}\n", tool, manual.summary, tool, manual.usage);
  for (const OptionGroup& group : manual.groups) {
    text += fmt::format("\n{}:\n", group.title);
    for (const Option& option : group.options) {
      if (option.help != nullptr) text += help_line(option);
    }
  }
  text += "\nGeneral:\n" + help_line(kHelp) + help_line(kVersion);
  if (*manual.examples != '\0') text += fmt::format("\nExamples:\n{}", manual.examples);
  return text;
}

namespace {

// Text for troff: no line starts a request, no backslash an escape, no hyphen becomes a dash.
std::string roff(std::string_view text) {
  std::string safe;
  bool start = true;
  for (const char c : text) {
    if (start && (c == '.' || c == '\'')) safe += "\\&";
    if (c == '\\')
      safe += "\\e";
    else if (c == '-')
      safe += "\\-";
    else
      safe += c;
    start = c == '\n';
  }
  return safe;
}

std::string roff_option(const Option& option) {
  std::string left =
      option.letter != 0 ? fmt::format("\\fB\\-{}\\fR, ", roff(std::string(1, option.letter))) : "";
  left += fmt::format("\\fB\\-\\-{}\\fR", roff(option.key));
  if (option.takes == Option::Takes::kValue) left += fmt::format("=\\fI{}\\fR", roff(option.value));
  if (option.takes == Option::Takes::kMaybe) left += fmt::format("[=\\fI{}\\fR]", roff(option.value));
  return fmt::format(".TP\n{}\n{}\n", left, roff(option.help));
}

}  // namespace

std::string man_text(const std::string& tool, const Manual& manual) {
  std::string text =
      fmt::format(".TH {} 8 \"\" \"Systole 0.1.0\" \"Cluster administration\"\n.SH NAME\n{} \\- {}\n",
                  roff(tool), roff(tool), roff(manual.summary));
  text += fmt::format(".SH SYNOPSIS\n.B {}\n{}\n", roff(tool), roff(manual.usage));
  for (const OptionGroup& group : manual.groups) {
    text += fmt::format(".SH {}\n", roff(group.title));
    for (const Option& option : group.options) {
      if (option.help != nullptr) text += roff_option(option);
    }
  }
  text += ".SH GENERAL\n" + roff_option(kHelp) + roff_option(kVersion);
  if (*manual.examples != '\0') text += fmt::format(".SH EXAMPLES\n.nf\n{}.fi\n", roff(manual.examples));
  text +=
      ".SH ENVIRONMENT\n.TP\n.B CIB_file\nAct on this file instead of the cluster.\n.TP\n.B CIB_shadow\n"
      "Act on the shadow configuration of this name.\n";
  return text + ".SH EXIT STATUS\n0 if all is well; \\fBcrm_error \\-X\\fR explains the others.\n";
}

std::string option_words(const Manual& manual) {
  std::string words = "--help\n--version\n";
  for (const OptionGroup& group : manual.groups) {
    for (const Option& option : group.options) {
      if (option.help != nullptr)
        words += fmt::format("--{}{}\n", option.key, option.takes == Option::Takes::kValue ? "=" : "");
    }
  }
  return words;
}

OptionGroup output_options() {
  return {"Output",
          {{"output-as", 0, Option::Takes::kValue, "FORMAT", "text, xml or none"},
           {"output-to", 0, Option::Takes::kValue, "FILE", "Write there instead of standard output"},
           {"quiet", 'Q', Option::Takes::kNothing, "", "Print only the value that was asked for"},
           {"verbose", 'V', Option::Takes::kNothing, "", "Say more; may be repeated"}}};
}

std::optional<int> begin(Context& context, const Manual& manual, Parsed& parsed) {
  if (context.args == std::vector<std::string>{"--man"} ||
      context.args == std::vector<std::string>{"--list-options"}) {
    context.console->out(context.args.front() == "--man" ? man_text(context.name, manual)
                                                         : option_words(manual));
    return 0;
  }
  auto read = parse_options(manual, context.args);
  if (!read) {
    context.console->err(
        fmt::format("{}: {}\nSee {} --help.\n", context.name, read.error().message, context.name));
    return 64;
  }
  parsed = std::move(*read);
  if (parsed.has("help")) {
    context.console->out(help_text(context.name, manual));
    return 0;
  }
  if (parsed.has("version")) {
    context.console->out(version_text());
    return 0;
  }
  if (const std::string file = parsed.value("output-to"); !file.empty() && file != "-") {
    if (auto redirected = context.console->redirect(file); !redirected) {
      context.console->err(fmt::format("{}: {}\n", context.name, printable(redirected.error().message)));
      return 73;
    }
  }
  return std::nullopt;
}

std::string version_text() {
  return fmt::format(
      "Pacemaker {}-{}\nSystole 0.1.0, an implementation of its own under the Apache License 2.0\n",
      kPacemakerVersion, kBuild);
}

namespace {

std::optional<std::int64_t> unit_ms(std::string_view unit) {
  if (unit == "ms" || unit == "msec") return 1;
  if (unit == "s" || unit == "sec") return 1000;
  if (unit == "m" || unit == "min") return 60'000;
  if (unit == "h" || unit == "hr") return 3'600'000;
  return std::nullopt;
}

// ISO 8601: P[nY][nM][nW][nD][T[nH][nM][nS]], a year taken as 365 days and a month as 30.
std::optional<Milliseconds> iso_interval(std::string_view text) {
  std::int64_t total = 0;
  bool time = false;
  for (std::size_t at = 1; at < text.size();) {
    if (text[at] == 'T') {
      time = true;
      ++at;
      continue;
    }
    std::int64_t number = 0;
    const auto read = std::from_chars(text.data() + at, text.data() + text.size(), number);
    if (read.ec != std::errc() || number > 1'000'000 || number < 0 || read.ptr == text.data() + text.size()) {
      return std::nullopt;
    }
    std::int64_t seconds = 0;
    switch (*read.ptr) {
      case 'Y':
        seconds = 365LL * 86400;
        break;
      case 'M':
        seconds = time ? 60 : 30LL * 86400;
        break;
      case 'W':
        seconds = 7LL * 86400;
        break;
      case 'D':
        seconds = 86400;
        break;
      case 'H':
        seconds = 3600;
        break;
      case 'S':
        seconds = 1;
        break;
      default:
        return std::nullopt;
    }
    total += number * seconds;
    at = static_cast<std::size_t>(read.ptr - text.data()) + 1;
  }
  return Milliseconds(total * 1000);
}

}  // namespace

std::optional<Milliseconds> parse_interval(std::string_view text, Milliseconds unit) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  if (text.starts_with('P') && text.size() > 1) return iso_interval(text);
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || number < 0 || number > 1'000'000'000'000) return std::nullopt;
  const std::string_view rest(read.ptr, static_cast<std::size_t>(text.data() + text.size() - read.ptr));
  if (rest.empty()) return Milliseconds(number * unit.count());
  const auto factor = unit_ms(rest);
  if (!factor) return std::nullopt;
  return Milliseconds(number * *factor);
}

}  // namespace systole::cli

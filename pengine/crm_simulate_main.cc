// crm_simulate as a program of its own: the engine without a cluster, for conformance tests. (The tool that
// also reads the live cluster is in cli/.)
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

#include "base/heap.h"
#include "cib/saved.h"
#include "pengine/crm_simulate.h"
#include "pengine/rules.h"

namespace {

using namespace systole::pengine;

std::string read_all(const std::string& path) {
  if (path == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) throw CLI::ValidationError("--xml-file", "cannot read " + path);
  std::string text(static_cast<std::size_t>(std::max<std::streamoff>(0, in.tellg())), '\0');
  in.seekg(0);
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

void write_all(const std::string& path, const std::string& content) {
  std::ofstream out(path, std::ios::binary);
  out << content;
  if (!out.flush()) throw CLI::ValidationError("cannot write " + path);
}

// A year has four digits; more are seconds since 1970.
systole::WallTime moment_of(const std::string& text) {
  if (text.find_first_not_of("0123456789") == std::string::npos && text.size() > 4)
    return systole::WallTime(systole::Seconds(std::stoll(text)));
  const auto seconds = engine::parse_date(text);
  if (!seconds) throw CLI::ValidationError("--set-datetime", text + " is no date and time (ISO 8601)");
  return systole::WallTime(systole::Seconds(*seconds));
}

int run(int argc, char** argv) {
  CLI::App app(
      "What would the cluster do? Schedules a saved CIB, and with --simulate executes the result on paper.");
  SimulationRequest request;
  std::string xml_file, save_graph, save_output, save_input, date;
  bool scores = false, simulate_it = false, run_only = false, from_pipe = false;
  app.add_option("-x,--xml-file", xml_file, "the CIB to look at");
  app.add_flag("-p,--xml-pipe", from_pipe, "read it from standard input");
  app.add_flag("-S,--simulate", simulate_it, "execute the transition and show what comes of it");
  app.add_flag("-R,--run", run_only, "say what would be done");
  app.add_flag("-s,--show-scores", scores, "with scores");
  app.add_flag("-U,--show-utilization", request.show_utilization, "with utilization");
  app.add_flag("-Q,--quiet", request.quiet, "only what was asked for");
  app.add_option("-G,--save-graph", save_graph, "write the transition graph as XML");
  app.add_option("-O,--save-output", save_output, "write the CIB after the transition");
  app.add_option("-I,--save-input", save_input, "write the CIB that was scheduled");
  app.add_option("-t,--set-datetime", date, "the moment to pretend, in epoch seconds");
  app.add_option("-u,--node-up", request.nodes_up, "bring a node online first");
  app.add_option("-d,--node-down", request.nodes_down, "take a node offline first");
  app.add_option("-f,--node-fail", request.nodes_failed, "let a node fail first");
  app.add_option("-i,--op-inject", request.inject, "RESOURCE_OPERATION_INTERVAL@NODE=RC has happened");
  app.add_option("-F,--op-fail", request.fail, "RESOURCE_OPERATION_INTERVAL@NODE=RC will happen");
  app.add_flag("--explain-actions", request.explain_actions,
               "why each action is there, and what it waits for");
  app.add_option("--explain", request.explain, "why a resource is where it is");
  CLI11_PARSE(app, argc, argv);
  request.show_scores = scores;
  request.execute = simulate_it;
  request.save_graph = !save_graph.empty();
  request.clock = std::chrono::system_clock::now();
  if (!date.empty()) request.now = moment_of(date);
  auto document = systole::cib::parse_saved(read_all(from_pipe ? "-" : xml_file));
  if (!document) {
    std::fprintf(stderr, "crm_simulate: %s\n", document.error().message.c_str());
    return 65;
  }
  // Never taken apart: the process ends, and its memory with it.
  static const auto& report = *new auto(run_simulation(std::move(*document), request));
  if (!report) {
    std::fprintf(stderr, "crm_simulate: %s\n", report.error().message.c_str());
    return systole::exit_code(report.error().code);
  }
  std::fputs(report->text.c_str(), stdout);
  if (!save_graph.empty()) write_all(save_graph, report->plan.graph.to_xml(0));
  if (!save_output.empty()) write_all(save_output, report->after().serialize(true));
  if (!save_input.empty()) write_all(save_input, report->input.serialize(true));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  systole::prepare_heap(std::size_t{1} << 30);
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "crm_simulate: %s\n", e.what());
    return 64;
  }
}

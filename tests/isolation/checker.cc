#include "tests/isolation/checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>

namespace troth::isolation {

namespace {

enum class Edge : std::uint8_t { kWrite, kRead, kAnti, kTime };

struct Arrow {
  std::size_t to;
  Edge edge;
};

/// Depth first, without recursion: histories have tens of thousands of transactions.
class Graph {
 public:
  explicit Graph(std::size_t size) : out_(size) {}
  std::size_t add_node() {
    out_.emplace_back();
    return out_.size() - 1;
  }
  void add(std::size_t from, std::size_t to, Edge edge) {
    if (from != to) out_[from].push_back({to, edge});
  }
  std::vector<Arrow> cycle(const std::set<Edge>& allowed) const {
    std::vector<std::uint8_t> color(out_.size(), 0);
    std::vector<std::pair<std::size_t, std::size_t>> stack;
    for (std::size_t root = 0; root < out_.size(); ++root) {
      if (color[root] != 0) continue;
      stack.assign(1, {root, 0});
      color[root] = 1;
      while (!stack.empty()) {
        auto& [node, next] = stack.back();
        if (next == out_[node].size()) {
          color[node] = 2;
          stack.pop_back();
          continue;
        }
        const auto arrow = out_[node][next++];
        if (allowed.count(arrow.edge) == 0 || color[arrow.to] == 2) continue;
        if (color[arrow.to] == 1) return unwind(stack, arrow);
        color[arrow.to] = 1;
        stack.emplace_back(arrow.to, 0);
      }
    }
    return {};
  }

 private:
  std::vector<Arrow> unwind(const std::vector<std::pair<std::size_t, std::size_t>>& stack,
                            Arrow closing) const {
    std::vector<Arrow> out;
    bool inside = false;
    for (const auto& [at, following] : stack) {
      inside = inside || at == closing.to;
      if (inside) out.push_back({at, out_[at][following - 1].edge});
    }
    return out;
  }

  std::vector<std::vector<Arrow>> out_;
};

class Checker {
 public:
  Checker(const std::vector<Transaction>& history, const Lists& lists)
      : history_(history), lists_(lists), graph_(history.size()) {
    for (std::size_t i = 0; i < history.size(); ++i)
      for (const auto& append : history[i].appends) writer_[append.value] = i;
  }

  std::vector<std::string> run() {
    check_effects();
    add_writes();
    for (std::size_t i = 0; i < history_.size(); ++i)
      if (history_[i].ended == Ended::kCommitted)
        for (const auto& read : history_[i].reads) add_read(i, read);
    add_time();
    find_cycles();
    return std::move(found_);
  }

 private:
  const std::vector<std::int64_t>& list(const ListName& name) const {
    static const std::vector<std::int64_t> kEmpty;
    const auto at = lists_.find(name);
    return at == lists_.end() ? kEmpty : at->second;
  }
  static std::string text(const ListName& name) {
    return fmt::format("{} of {}", name.key, name.participant);
  }

  void check_effects() {
    std::map<std::int64_t, std::size_t> times;
    for (const auto& [name, values] : lists_)
      for (const auto value : values) {
        if (++times[value] == 2) found_.push_back(fmt::format("twice: {} is there twice", value));
        const auto writer = writer_.find(value);
        if (writer == writer_.end()) {
          found_.push_back(fmt::format("G1a: {} in list {} was never written", value, text(name)));
        } else if (history_[writer->second].ended == Ended::kAborted) {
          found_.push_back(fmt::format("G1a: {} in list {} belongs to an aborted transaction",
                                       value, text(name)));
        }
      }
    for (std::size_t i = 0; i < history_.size(); ++i)
      if (history_[i].ended == Ended::kCommitted)
        for (const auto& append : history_[i].appends)
          if (times.count(append.value) == 0)
            found_.push_back(
                fmt::format("lost: transaction {} is committed and its {} in list {} "
                            "is not there",
                            i, append.value, text(append.list)));
  }

  void add_writes() {
    for (const auto& [name, values] : lists_)
      for (std::size_t i = 1; i < values.size(); ++i) {
        const auto from = writer_.find(values[i - 1]), to = writer_.find(values[i]);
        if (from != writer_.end() && to != writer_.end())
          graph_.add(from->second, to->second, Edge::kWrite);
      }
  }

  void add_read(std::size_t reader, const Read& read) {
    const auto& values = list(read.list);
    auto seen = read.seen;
    // Its own appends come last and need not follow in the final order on what it saw before them.
    while (!seen.empty() && writer_of(seen.back()) == reader) seen.pop_back();
    if (seen.size() > values.size() || !std::equal(seen.begin(), seen.end(), values.begin()))
      return report_wrong_read(reader, read.list, seen, values);
    std::optional<std::size_t> from;
    if (!seen.empty()) from = writer_of(seen.back());
    if (from) {
      if (seen.size() < values.size() && writer_of(values[seen.size()]) == from)
        found_.push_back(fmt::format("G1b: transaction {} read half of transaction {} in list {}",
                                     reader, *from, text(read.list)));
      graph_.add(*from, reader, Edge::kRead);
    }
    if (seen.size() == values.size()) return;
    if (const auto next = writer_of(values[seen.size()])) graph_.add(reader, *next, Edge::kAnti);
  }

  void report_wrong_read(std::size_t reader, const ListName& name,
                         const std::vector<std::int64_t>& seen,
                         const std::vector<std::int64_t>& values) {
    for (const auto value : seen)
      if (std::find(values.begin(), values.end(), value) == values.end()) {
        found_.push_back(fmt::format("G1a: transaction {} read {} in list {}, which is not there",
                                     reader, value, text(name)));
        return;
      }
    found_.push_back(
        fmt::format("G0: transaction {} read another order of list {}", reader, text(name)));
  }

  std::optional<std::size_t> writer_of(std::int64_t value) const {
    const auto at = writer_.find(value);
    return at == writer_.end() ? std::nullopt : std::optional(at->second);
  }

  // A chain of moments instead of an edge for every pair: who was answered hangs before a moment,
  // who began later hangs behind it.
  void add_time() {
    struct Moment {
      std::int64_t at;
      bool answer;
      std::size_t transaction;
    };
    std::vector<Moment> moments;
    for (std::size_t i = 0; i < history_.size(); ++i) {
      if (history_[i].ended != Ended::kCommitted) continue;
      moments.push_back({history_[i].began_ns, false, i});
      if (history_[i].answered_ns > 0) moments.push_back({history_[i].answered_ns, true, i});
    }
    std::sort(moments.begin(), moments.end(), [](const Moment& a, const Moment& b) {
      return std::pair(a.at, a.answer) < std::pair(b.at, b.answer);
    });
    std::optional<std::size_t> now;
    for (const auto& moment : moments) {
      if (!moment.answer) {
        if (now) graph_.add(*now, moment.transaction, Edge::kTime);
        continue;
      }
      const auto next = graph_.add_node();
      if (now) graph_.add(*now, next, Edge::kTime);
      graph_.add(moment.transaction, next, Edge::kTime);
      now = next;
    }
  }

  void find_cycles() {
    using enum Edge;
    const std::pair<const char*, std::set<Edge>> classes[] = {
        {"G0", {kWrite}},
        {"G1c", {kWrite, kRead}},
        {"G2", {kWrite, kRead, kAnti}},
        {"real time", {kWrite, kRead, kAnti, kTime}},
    };
    for (const auto& [name, edges] : classes) {
      const auto cycle = graph_.cycle(edges);
      if (cycle.empty()) continue;
      constexpr std::array kNames = {"ww", "wr", "rw", "rt"};
      std::string path;
      std::size_t anti = 0;
      for (const auto& [node, edge] : cycle) {
        anti += edge == kAnti ? 1 : 0;
        if (node < history_.size())
          path += fmt::format("{} -{}-> ", node, kNames[static_cast<std::size_t>(edge)]);
      }
      const bool single = std::string_view(name) == "G2" && anti == 1;
      found_.push_back(fmt::format("{}: transactions {}again", single ? "G-single" : name, path));
      return;  // the stronger classes contain it
    }
  }

  const std::vector<Transaction>& history_;
  const Lists& lists_;
  Graph graph_;
  std::map<std::int64_t, std::size_t> writer_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> check(const std::vector<Transaction>& history, const Lists& final_lists) {
  return Checker(history, final_lists).run();
}

}  // namespace troth::isolation

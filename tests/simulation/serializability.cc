// Elle's idea for lists (Kingsbury, Alvaro: Elle, VLDB 2020): appends are unique, so every read
// shows the version order, and dependencies follow without guessing.
#include <algorithm>
#include <array>

#include "tests/simulation/checkers.h"

namespace troth::simulation {

namespace {

enum class Edge : std::uint8_t { kWrite, kRead, kAnti, kTime };
constexpr unsigned bit(Edge edge) {
  return 1U << static_cast<unsigned>(edge);
}
using ListKey = std::pair<NodeName, std::int64_t>;

struct Graph {
  explicit Graph(std::size_t size) : out(size) {}
  void add(std::size_t from, std::size_t to, Edge edge) {
    if (from != to) out[from].push_back({to, edge});
  }
  struct Arrow {
    std::size_t to;
    Edge edge;
  };
  std::vector<std::vector<Arrow>> out;
};

/// A cycle as indices of transactions with the edge that leaves each; empty if there is none among
/// the edges that `allowed` admits, as bits.
std::vector<std::pair<std::size_t, Edge>> find_cycle(const Graph& graph, unsigned allowed) {
  const auto size = graph.out.size();
  std::vector<int> color(size, 0);
  std::vector<std::pair<std::size_t, std::size_t>> stack;  // node, next arrow
  for (std::size_t root = 0; root < size; ++root) {
    if (color[root] != 0) continue;
    stack.assign(1, {root, 0});
    color[root] = 1;
    while (!stack.empty()) {
      auto& [node, next] = stack.back();
      if (next == graph.out[node].size()) {
        color[node] = 2;
        stack.pop_back();
        continue;
      }
      const auto arrow = graph.out[node][next++];
      if ((allowed & bit(arrow.edge)) == 0 || color[arrow.to] == 2) continue;
      if (color[arrow.to] == 0) {
        color[arrow.to] = 1;
        stack.emplace_back(arrow.to, 0);
        continue;
      }
      std::vector<std::pair<std::size_t, Edge>> cycle;
      bool inside = false;
      for (const auto& [at, following] : stack) {
        inside = inside || at == arrow.to;
        if (inside) cycle.emplace_back(at, graph.out[at][following - 1].edge);
      }
      return cycle;
    }
  }
  return {};
}

class Checker {
 public:
  Checker(World& world, const std::vector<Request>& requests,
          const std::vector<ParticipantNode*>& participants)
      : world_(world), requests_(requests), graph_(requests.size()) {
    for (const auto* node : participants)
      for (const auto& [key, list] : node->file().rows().lists) lists_[{node->name(), key}] = list;
    for (const auto& request : requests)
      for (const auto& operation : request.operations)
        if (operation.kind == "append") writer_[operation.value] = request.number;
  }

  void run() {
    for (const auto& [key, list] : lists_)
      for (std::size_t i = 1; i < list.size(); ++i)
        graph_.add(writer_.at(list[i - 1]), writer_.at(list[i]), Edge::kWrite);
    for (const auto& request : requests_)
      if (request.told == Told::kCommitted)
        for (const auto& operation : request.operations)
          if (operation.seen && !add_read(request, operation)) return;
    add_time();
    report();
  }

 private:
  bool add_read(const Request& request, const Operation& operation) {
    const auto& list = lists_[{operation.participant, operation.key}];
    auto seen = *operation.seen;
    // Its own appends come last, and need not be in the final order right behind what it saw.
    while (!seen.empty() && writer_.count(seen.back()) != 0 &&
           writer_.at(seen.back()) == request.number)
      seen.pop_back();
    if (seen.size() > list.size() || !std::equal(seen.begin(), seen.end(), list.begin())) {
      for (const auto value : seen)
        if (std::find(list.begin(), list.end(), value) == list.end()) {
          world_.violation("serializable", "G1a: request {} read {}, which is not there",
                           request.number, value);
          return false;
        }
      world_.violation("serializable", "G0: request {} read another order at {}", request.number,
                       operation.participant);
      return false;
    }
    if (!seen.empty()) {
      const auto from = writer_.at(seen.back());
      // The last value its writer put into this list, or the read fell into the middle of it.
      if (seen.size() < list.size() && writer_.at(list[seen.size()]) == from &&
          from != request.number) {
        world_.violation("serializable", "G1b: request {} read half of request {}", request.number,
                         from);
        return false;
      }
      graph_.add(from, request.number, Edge::kRead);
    }
    if (seen.size() < list.size())
      graph_.add(request.number, writer_.at(list[seen.size()]), Edge::kAnti);
    return true;
  }

  // What was answered before another began came before it (strict serializability).
  void add_time() {
    std::vector<const Request*> took;
    for (const auto& request : requests_)
      if (took_place(request)) took.push_back(&request);
    for (const auto& earlier : requests_)
      for (const auto* later : took)
        if (earlier.told == Told::kCommitted && earlier.ended < later->began)
          graph_.add(earlier.number, later->number, Edge::kTime);
  }
  bool took_place(const Request& request) const {
    if (request.told == Told::kCommitted) return true;
    return std::any_of(request.operations.begin(), request.operations.end(), [&](const auto& o) {
      const auto list = lists_.find({o.participant, o.key});
      return o.kind == "append" && list != lists_.end() &&
             std::find(list->second.begin(), list->second.end(), o.value) != list->second.end();
    });
  }

  void report() {
    constexpr auto kG1 = bit(Edge::kWrite) | bit(Edge::kRead);
    constexpr auto kG2 = kG1 | bit(Edge::kAnti);
    constexpr std::pair<const char*, unsigned> classes[] = {
        {"G0", bit(Edge::kWrite)},
        {"G1c", kG1},
        {"G2", kG2},
        {"real time", kG2 | bit(Edge::kTime)},
    };
    if (find_cycle(graph_, classes[3].second).empty()) return;  // it has the edges of all
    for (const auto& [name, edges] : classes) {
      const auto cycle = find_cycle(graph_, edges);
      if (cycle.empty()) continue;
      std::string text;
      std::size_t anti = 0;
      constexpr std::array kNames = {"ww", "wr", "rw", "rt"};
      for (const auto& [node, edge] : cycle) {
        text += fmt::format("{} -{}-> ", node, kNames[static_cast<std::size_t>(edge)]);
        anti += edge == Edge::kAnti ? 1 : 0;
      }
      const bool single = std::string(name) == "G2" && anti == 1;
      return world_.violation("serializable", "{}: requests {}{}", single ? "G-single" : name, text,
                              cycle.front().first);
    }
  }

  World& world_;
  const std::vector<Request>& requests_;
  Graph graph_;
  std::map<ListKey, std::vector<std::int64_t>> lists_;
  std::map<std::int64_t, std::size_t> writer_;
};

}  // namespace

void check_serializable(World& world, const std::vector<Request>& requests,
                        const std::vector<ParticipantNode*>& participants) {
  Checker(world, requests, participants).run();
}

}  // namespace troth::simulation

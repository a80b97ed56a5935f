#include "tests/differential/shrink.h"

#include <algorithm>
#include <cctype>

namespace troth::tests::differential {

namespace {

class Shrinker {
 public:
  Shrinker(Case failing, const StillFails& still_fails, int most)
      : best_(std::move(failing)), still_fails_(still_fails), left_(most) {}

  Case run() {
    for (bool smaller = true; smaller && left_ > 0;) {
      smaller = false;
      smaller |= remove_from([](Case & c) -> auto& { return c.transactions; });
      for (std::size_t i = 0; i < best_.transactions.size(); ++i)
        smaller |= remove_from([i](Case & c) -> auto& { return c.transactions[i].statements; });
      smaller |= remove_from([](Case & c) -> auto& { return c.schema; });
      smaller |= calm_down();
      for (std::size_t i = 0; i < best_.schema.size(); ++i)
        smaller |= shorten([i](Case & c) -> auto& { return c.schema[i]; });
      for (std::size_t i = 0; i < best_.transactions.size(); ++i)
        for (std::size_t k = 0; k < best_.transactions[i].statements.size(); ++k)
          smaller |=
              shorten([ i, k ](Case & c) -> auto& { return c.transactions[i].statements[k]; });
    }
    return best_;
  }

 private:
  bool keep_if_fails(Case candidate) {
    if (left_ <= 0) return false;
    --left_;
    if (!still_fails_(candidate)) return false;
    best_ = std::move(candidate);
    return true;
  }

  // Ever smaller ranges, from the end: the failure comes last.
  template <class List>
  bool remove_from(const List& list_of) {
    bool smaller = false;
    for (auto size = std::max<std::size_t>(list_of(best_).size() / 2, 1); size > 0; size /= 2) {
      for (auto end = list_of(best_).size(); end > 0;) {
        const auto begin = end > size ? end - size : 0;
        auto candidate = best_;
        auto& list = list_of(candidate);
        list.erase(list.begin() + static_cast<std::ptrdiff_t>(begin),
                   list.begin() + static_cast<std::ptrdiff_t>(end));
        smaller |= keep_if_fails(std::move(candidate));
        end = std::min(begin, list_of(best_).size());
      }
    }
    return smaller;
  }

  bool calm_down() {
    bool smaller = false;
    for (std::size_t i = 0; i < best_.transactions.size(); ++i) {
      auto candidate = best_;
      candidate.transactions[i].in_pieces = false;
      candidate.transactions[i].after = After::kNothing;
      const auto& now = best_.transactions[i];
      if (now.in_pieces || now.after != After::kNothing)
        smaller |= keep_if_fails(std::move(candidate));
    }
    return smaller;
  }

  // Words, quoted texts and single signs, each with the space before it.
  static std::vector<std::string> words_of(const std::string& sql) {
    std::vector<std::string> words;
    const auto in_word = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
    };
    for (std::size_t at = 0; at < sql.size();) {
      const auto begin = at;
      while (at < sql.size() && sql[at] == ' ') ++at;
      if (at >= sql.size()) break;
      if (sql[at] == '\'' || sql[at] == '"') {
        const auto end = sql.find(sql[at], at + 1);
        at = end == std::string::npos ? sql.size() : end + 1;
      } else if (in_word(sql[at])) {
        while (at < sql.size() && in_word(sql[at])) ++at;
      } else {
        ++at;
      }
      words.push_back(sql.substr(begin, at - begin));
    }
    return words;
  }

  template <class Text>
  bool shorten(const Text& text_of) {
    bool smaller = false;
    auto words = words_of(text_of(best_));
    for (auto size = std::max<std::size_t>(words.size() / 2, 1); size > 0;
         size = size > 4 ? size / 2 : size - 1) {
      for (auto end = words.size(); end > 0;) {
        const auto begin = end > size ? end - size : 0;
        auto fewer = words;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(begin),
                    fewer.begin() + static_cast<std::ptrdiff_t>(end));
        auto candidate = best_;
        std::string text;
        for (const auto& word : fewer) text += word;
        text_of(candidate) = text;
        if (keep_if_fails(std::move(candidate))) {
          words = std::move(fewer);
          smaller = true;
          end = std::min(begin, words.size());
        } else {
          end = size > 4 ? begin : end - 1;
        }
      }
    }
    return smaller;
  }

  Case best_;
  const StillFails& still_fails_;
  int left_;
};

}  // namespace

Case shrink(Case failing, const StillFails& still_fails, int most) {
  return Shrinker(std::move(failing), still_fails, most).run();
}

}  // namespace troth::tests::differential

// Read by jemalloc when the simulator starts: one thread, many short lives of the same objects.
// MALLOC_CONF in the environment adds to it.

extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "narenas:1,tcache_max:65536,dirty_decay_ms:-1,muzzy_decay_ms:-1";
}

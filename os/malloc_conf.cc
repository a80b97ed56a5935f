// Read by jemalloc at the start of a daemon. Few arenas and small caches of threads, because a
// daemon may have thousands of them; what was freed goes back to the system within a moment. At
// most 40 cached pieces of a size instead of 200. Otherwise the threads that handle batches keep
// 500 bytes for each transaction in flight, and are not faster. MALLOC_CONF in the environment adds
// to it.

extern "C" {
extern const char* malloc_conf;
const char* malloc_conf =
    "narenas:4,tcache_max:2048,tcache_nslots_small_max:40,dirty_decay_ms:250,muzzy_decay_ms:0";
}

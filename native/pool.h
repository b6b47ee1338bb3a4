/* Threads that help one caller: no barrier ever waits for a thread that was not given a processor. */
#ifndef HS_POOL_H
#define HS_POOL_H

struct hs_pool;

/* `share` is called once for each of 0 .. shares-1, by the caller and by helpers that happen to be awake. */
typedef void (*hs_share_fn)(const void *work, int share, int shares);

/* Returns when all shares are done. One caller at a time. */
void hs_parallel(struct hs_pool *pool, int shares, hs_share_fn share, const void *work);
int hs_pool_threads(const struct hs_pool *pool);

#endif

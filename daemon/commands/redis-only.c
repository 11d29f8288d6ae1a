#include "redis-only.h"

#include <string.h>

/* As of Redis 7.0. */
static const char redis_only_names[] =
    "acl append asking bgrewriteaof bgsave bitcount bitfield bitfield_ro bitop bitpos blmove blmpop blpop brpop "
    "brpoplpush bzmpop bzpopmax bzpopmin copy dbsize debug decr decrby del dump eval eval_ro evalsha evalsha_ro "
    "exists expire expireat expiretime failover fcall fcall_ro flushall flushdb function geoadd geodist geohash "
    "geopos georadius georadius_ro georadiusbymember georadiusbymember_ro geosearch geosearchstore get getbit "
    "getdel getex getrange getset hdel hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset "
    "hrandfield hscan hset hsetnx hstrlen hvals incr incrby incrbyfloat keys lastsave latency lcs lindex "
    "linsert llen lmove lmpop lolwut lpop lpos lpush lpushx lrange lrem lset ltrim memory mget migrate module "
    "move mset msetnx object persist pexpire pexpireat pexpiretime pfadd pfcount pfdebug pfmerge pfselftest "
    "psetex psync pttl randomkey readonly readwrite rename renamenx replconf replicaof restore restore-asking "
    "role rpop rpoplpush rpush rpushx sadd save scan scard script sdiff sdiffstore sentinel set setbit setex "
    "setnx setrange sinter sintercard sinterstore sismember slaveof slowlog smembers smismember smove sort "
    "sort_ro spop srandmember srem sscan strlen substr sunion sunionstore swapdb sync touch ttl type unlink "
    "unwatch wait watch xack xadd xautoclaim xclaim xdel xgroup xinfo xlen xpending xrange xread xreadgroup "
    "xrevrange xsetid xtrim zadd zcard zcount zdiff zdiffstore zincrby zinter zintercard zinterstore zlexcount "
    "zmpop zmscore zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrangestore zrank zrem "
    "zremrangebylex zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan "
    "zscore zunion zunionstore";

bool
redis_only_is_command(struct slice name)
{
	size_t len;

	for (const char *p = redis_only_names; *p; p += len + strspn(p + len, " ")) {
		len = strcspn(p, " ");
		if (len == name.len && strncasecmp(p, (const char *)name.p, len) == 0)
			return true;
	}
	return false;
}

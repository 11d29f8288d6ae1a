#include "redis-only.h"

#include <string.h>

/* As of Redis 7.0. */
static const char redis_only_names[] =
    "acl append asking bgrewriteaof bgsave bitcount bitfield bitfield_ro bitop bitpos blmove blmpop blpop brpop "
    "brpoplpush bzmpop bzpopmax bzpopmin copy debug decr decrby dump eval eval_ro evalsha evalsha_ro failover fcall "
    "fcall_ro function geoadd geodist geohash geopos georadius georadius_ro georadiusbymember georadiusbymember_ro "
    "geosearch geosearchstore get getbit getdel getex getrange getset hdel hexists hget hgetall hincrby hincrbyfloat "
    "hkeys hlen hmget hmset hrandfield hscan hset hsetnx hstrlen hvals incr incrby incrbyfloat lastsave latency lcs "
    "lindex linsert llen lmove lmpop lolwut lpop lpos lpush lpushx lrange lrem lset ltrim memory mget migrate module "
    "move mset msetnx object pfadd pfcount pfdebug pfmerge pfselftest psetex psync readonly readwrite replconf "
    "replicaof restore restore-asking role rpop rpoplpush rpush rpushx sadd save scard script sdiff sdiffstore "
    "sentinel set setbit setex setnx setrange sinter sintercard sinterstore sismember slaveof slowlog smembers "
    "smismember smove sort sort_ro spop srandmember srem sscan strlen substr sunion sunionstore swapdb sync unwatch "
    "wait watch xack xautoclaim xclaim xgroup xinfo xpending xread xreadgroup zadd zcard zcount zdiff zdiffstore "
    "zincrby zinter zintercard zinterstore zlexcount zmpop zmscore zpopmax zpopmin zrandmember zrange zrangebylex "
    "zrangebyscore zrangestore zrank zrem zremrangebylex zremrangebyrank zremrangebyscore zrevrange zrevrangebylex "
    "zrevrangebyscore zrevrank zscan zscore zunion zunionstore";

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

# The conversation about streams with redis-rb: see streams-interop.bats.
require "redis"

BYTES = (0..255).to_a.pack("C*") + "\r\n"

RECONNECT = Redis::VERSION.to_i >= 5 ? { reconnect_attempts: [0.02] * 500 } :
  { reconnect_attempts: 500, reconnect_delay: 0.02, reconnect_delay_max: 0.02 }

def connect
  Redis.new(path: ARGV[0], **RECONNECT)
end

def check(got, wanted)
  raise "#{got} instead of #{wanted}" unless got == wanted
end

def numbers(entries)
  entries.map { |_, fields| fields["n"].to_i }
end

# One connection waits for an entry that the other one adds.
def check_blocking(hub, reader)
  thread = Thread.new { reader.xread("news", "$", block: 60000) }
  sleep 0.02 while hub.info["blocked_clients"].to_i < 1
  id = hub.xadd("news", { "text" => "hello" })
  check thread.value, { "news" => [[id, { "text" => "hello" }]] }
  check reader.xread("news", id, block: 1), {}
  id
end

$stdout.sync = true
Thread.abort_on_exception = true

hub, reader = connect, connect
first = hub.xadd("jobs", { "text" => BYTES, "empty" => "" })
ids = hub.pipelined { |pipeline| 1000.times { |n| pipeline.xadd("jobs", { "n" => n }) } }
check hub.xlen("jobs"), 1001
ids += hub.multi { |transaction| [1000, 1001].each { |n| transaction.xadd("jobs", { "n" => n }) } }
puts "added"

check hub.xrange("jobs", count: 1).map { |id, fields| [id, fields["text"].b, fields["empty"]] }, [[first, BYTES.b, ""]]
entries = hub.xread("jobs", first, count: 5000)["jobs"]
check entries.map(&:first), ids
check numbers(entries), (0..1001).to_a
check numbers(hub.xrevrange("jobs", count: 2)), [1001, 1000]
puts "read"

last = check_blocking(hub, reader)
puts "blocked"

hub.xgroup(:create, "jobs", "workers", ids[-11])
alice = connect
check numbers(alice.xreadgroup("workers", "alice", "jobs", ">", count: 6)["jobs"]), (992..997).to_a
check alice.xack("jobs", "workers", ids[-10..-7]), 4
check numbers(hub.xreadgroup("workers", "bob", "jobs", ">")["jobs"]), (998..1001).to_a
puts "worked"

# alice ends without a word.
alice.close
pending = hub.xpending("jobs", "workers", "-", "+", 10, "alice")
check pending.map { |row| [row["entry_id"], row["consumer"], row["count"]] }, ids[-6..-5].map { |id| [id, "alice", 1] }
check numbers(hub.xautoclaim("jobs", "workers", "bob", 0, "0-0", count: 2)["entries"]), [996, 997]
check hub.xack("jobs", "workers", ids[-6..-5]), 2
puts "claimed"

# Each line says that the hub was killed or stopped, and started again: everything is there.
while $stdin.gets
  check hub.xlen("jobs"), 1003
  check hub.xpending("jobs", "workers"), { "size" => 4, "min_entry_id" => ids[-4], "max_entry_id" => ids[-1],
                                           "consumers" => { "bob" => "4" } }
  check hub.xreadgroup("workers", "bob", "jobs", "0")["jobs"].map(&:first), ids.last(4)
  id = check_blocking(hub, reader)
  raise "#{id} after #{last}" unless id > last
  last = id
  puts "again"
end
check hub.xack("jobs", "workers", ids.last(4)), 4
puts "bye"

# The conversation with redis-rb: one thread receives, another publishes.
require "redis"

BYTES = (0..255).to_a.pack("C*") + "\r\n"
RECEIVED = Queue.new

IS_5 = Redis::VERSION.to_i >= 5
LOST = IS_5 ? [Redis::BaseConnectionError, RedisClient::ConnectionError] : [Redis::BaseConnectionError]
RECONNECT = IS_5 ? { reconnect_attempts: [0.02] * 500 } :
  { reconnect_attempts: 500, reconnect_delay: 0.02, reconnect_delay_max: 0.02 }

def connect(name)
  Redis.new(path: ARGV[0], id: name, **RECONNECT)
end

def expect(*wanted)
  got = RECEIVED.pop
  raise "#{got} instead of #{wanted}" unless got == wanted
end

def check(got, wanted)
  raise "#{got} instead of #{wanted}" unless got == wanted
end

def publish_to_both(bus, text)
  check bus.publish("news", text), 1
  check bus.publish("weather.oslo", text), 1
  expect :message, "news", text.b
  expect :message, "weather.*", "weather.oslo", text.b
end

# After a lost connection redis-rb 4 sends its first command again, redis-rb 5 wants to be asked to; the block adds the
# rest. Only the block may use the connection, so a message to "gone" ends the subscription to it.
def receive(sub)
  again = false
  begin
    receive_until_lost(sub, again) { again = true }
  rescue *LOST
    retry
  end
end

def receive_until_lost(sub, again)
  sub.subscribe("news") do |on|
    on.subscribe do |channel, count|
      RECEIVED << [:subscribe, channel, count]
      sub.psubscribe("weather.*") if channel == "news"
    end
    on.psubscribe do |pattern, count|
      RECEIVED << [:subscribe, pattern, count]
      sub.subscribe("gone") unless again
      again = true
      yield
    end
    on.unsubscribe { |channel, count| RECEIVED << [:unsubscribe, channel, count] }
    on.pmessage { |pattern, channel, text| RECEIVED << [:message, pattern, channel, text.b] }
    on.message do |channel, text|
      RECEIVED << [:message, channel, text.b]
      sub.unsubscribe("gone") if channel == "gone"
    end
  end
end

$stdout.sync = true
Thread.abort_on_exception = true

bus = connect("publisher")
raise unless bus.info["redis_version"].start_with?("7.")
check bus.publish("news", "x"), 0
puts "nobody"

Thread.new { receive(connect("receiver")) }
expect :subscribe, "news", 1
expect :subscribe, "weather.*", 2
expect :subscribe, "gone", 3
puts "subscribed"

publish_to_both(bus, "hello")
publish_to_both(bus, BYTES)
publish_to_both(bus, "")
puts "messages"

check bus.pipelined { |pipeline| 1000.times { |i| pipeline.publish("news", i) } }, [1] * 1000
1000.times { |i| expect :message, "news", i.to_s }
puts "pipeline"

check bus.multi { |transaction| transaction.publish("news", "one"); transaction.publish("weather.oslo", "two") }, [1, 1]
expect :message, "news", "one"
expect :message, "weather.*", "weather.oslo", "two"
puts "transaction"

check bus.publish("gone", "leave"), 1
expect :message, "gone", "leave"
expect :unsubscribe, "gone", 2
check bus.publish("gone", "x"), 0
puts "unsubscribed"

# Each line says that the daemon was restarted and has the subscriptions again.
while (line = $stdin.gets)
  expect :subscribe, "news", 1
  expect :subscribe, "weather.*", 2
  publish_to_both(bus, line)
  check bus.publish("gone", "x"), 0
  check bus.call("CLIENT", "GETNAME"), "publisher"
  puts "again"
end
puts "bye"

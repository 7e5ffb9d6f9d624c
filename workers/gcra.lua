-- Takes one place in every limit of KEYS, or in none: the generic cell rate algorithm without a
-- burst. Redis's own clock decides, in microseconds.
--
-- KEYS[i]   the time of the limit's last place (expires once it bears on nothing any more)
-- ARGV[i]   microseconds between two places of KEYS[i], as they are to be from now on
-- ARGV[n+1] the longest wait, in microseconds, for which a place is taken
-- returns   {taken (1 or 0), microseconds to wait until the place, or until it is worth asking}
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local longest = tonumber(ARGV[#KEYS + 1])
local start = now
for i, key in ipairs(KEYS) do
  local last = redis.call('GET', key)
  if last then
    -- No place is given further ahead: one that is was given before the clock was set back.
    start = math.max(start, math.min(tonumber(last), now + longest) + tonumber(ARGV[i]))
  end
end
local wait = start - now
if wait > longest then
  return {0, wait}
end
for i, key in ipairs(KEYS) do
  local bears_until = start + tonumber(ARGV[i]) - now
  redis.call('SET', key, string.format('%.0f', start), 'PX', math.ceil(bears_until / 1000) + 1000)
end
return {1, wait}

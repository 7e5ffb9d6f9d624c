-- Tells how far the places of the limits of KEYS have been given out, and takes none.
--
-- KEYS[i]   as for taking
-- returns   for each limit the microseconds until its last place, negative where it is over, or an
--           empty text where none bears on the next
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local ahead = {}
for i, key in ipairs(KEYS) do
  local last = redis.call('GET', key)
  ahead[i] = last and string.format('%.0f', tonumber(last) - now) or ''
end
return ahead

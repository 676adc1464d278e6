-- KEYS: events, size, dead. Returns the queued events, their bytes, and the dead
-- letters.
-- include follow.lua
local size = follow(KEYS[1], KEYS[2], KEYS[3])
return {size[1], size[2], size[3]}

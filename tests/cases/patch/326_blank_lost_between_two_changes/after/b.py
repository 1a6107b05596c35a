first(10)

last(20)
end()

# frozen_string_literal: true
require "json"
require_relative 'lib/other'

# A module.
module Outer
  LIMIT = 3

  # A shape.
  # More.
  class Shape < Base::Thing
    include Comparable
    attr_accessor :name, :size

    def initialize(name, size = 3) = @name = name

    # Computes.
    def area(unit, *rest, key: 1, &block)
      local = helper(unit)
      block.call(local)
    end

    def self.build(x)
      new(x)
    end

    class << self
      def inner; end
    end

    def ==(other) = true
    def valid?; end
    def name=(v); end
    alias old_area area
    private def hidden; end
  end

  class Outer::Deep; def m; end; end
  Point = Struct.new(:x, :y) do
    def dist; end
  end
end

def top; end
task :build do
  sh "x"
end
def broken(

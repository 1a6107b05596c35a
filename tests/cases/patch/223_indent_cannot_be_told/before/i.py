if a:
      x()
      y()

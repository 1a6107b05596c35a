import os
import re

print(re)

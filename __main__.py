"""pulumi up -> here -> infra"""

from infra.program import main

main()

include(GNUInstallDirs)
install(TARGETS sallyport RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(FILES "${CMAKE_SOURCE_DIR}/examples/proxy-config.json"
              "${CMAKE_SOURCE_DIR}/examples/provider-type.yaml"
        DESTINATION "${CMAKE_INSTALL_DOCDIR}/examples")
install(FILES "${CMAKE_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

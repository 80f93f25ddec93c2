"""Qt classes that PythonQt has but the API file leaves out, each with the names that Qt 5.15 documents for it."""

from __future__ import annotations

# Only what a module may reasonably need; everything else of these classes is refused.
UNLISTED: dict[str, str] = {
    "QObject": "objectName parent setParent children findChild findChildren setProperty property blockSignals "
               "signalsBlocked deleteLater installEventFilter removeEventFilter eventFilter event startTimer "
               "killTimer dynamicPropertyNames metaObject connect disconnect tr isWidgetType destroyed",
    "QCoreApplication": "processEvents quit instance applicationDirPath applicationName organizationName",
    "QGuiApplication": "clipboard",
    "QClipboard": "text setText clear mimeData setMimeData setPixmap",
    "QMimeData": "text setText hasText html setHtml urls setUrls hasUrls",
    "QColor": "red green blue alpha redF greenF blueF alphaF setRed setGreen setBlue setAlpha setRgb setRgbF "
              "setRedF setGreenF setBlueF setAlphaF name isValid lighter darker fromRgbF fromRgb setNamedColor "
              "hue saturation value lightness",
    "QBrush": "color setColor style setStyle",
    "QPen": "color setColor width setWidth style setStyle",
    "QFont": "setBold bold setItalic italic setPointSize pointSize setPointSizeF pointSizeF setPixelSize pixelSize "
             "setFamily family setWeight weight Bold Normal Light",
    "QFontMetrics": "width horizontalAdvance height boundingRect elidedText",
    "QPainter": "begin end drawRect drawEllipse drawLine drawText drawPixmap drawRoundedRect fillRect setPen setBrush "
                "setRenderHint setFont setOpacity Antialiasing isActive",
    "QImage": "width height isNull save load fill pixel setPixel Format_RGB32 Format_ARGB32 Format_RGB888",
    "QPalette": "color setColor Window WindowText Base Text Button ButtonText Highlight HighlightedText Disabled "
                "Active Inactive Link Mid Midlight Dark Light AlternateBase ToolTipBase ToolTipText PlaceholderText",
    "QPoint": "x y setX setY isNull manhattanLength", "QPointF": "x y setX setY",
    "QRect": "x y width height left right top bottom center size contains topLeft bottomRight adjusted isNull isValid "
             "isEmpty",
    "QRectF": "x y width height left right top bottom center",
    "QSizeF": "width height", "QMargins": "left right top bottom",
    "QByteArray": "data size length isEmpty isNull append clear contains startsWith endsWith toStdString trimmed",
    "QModelIndex": "row column isValid parent data model internalId",
    "QPersistentModelIndex": "row column isValid parent",
    "QItemSelectionModel": "selectedIndexes selectedRows hasSelection clear clearSelection isSelected currentIndex "
                           "selectionChanged currentChanged Select ClearAndSelect Rows",
    "QItemSelection": "indexes isEmpty",
    "QAbstractItemModel": "rowCount columnCount index data setData headerData",
    "QStandardItemModel": "rowCount columnCount item setItem appendRow clear setHorizontalHeaderLabels index data",
    "QStandardItem": "text setText setData data setCheckable checkState setCheckState setIcon setToolTip setEditable "
                     "setEnabled",
    "QStyledItemDelegate": "createEditor setEditorData setModelData paint sizeHint",
    "QScrollArea": "widgetResizable setWidgetResizable widget setWidget frameShape setFrameShape "
                   "setHorizontalScrollBarPolicy setVerticalScrollBarPolicy takeWidget ensureWidgetVisible",
    "QScrollBar": "value setValue minimum maximum",
    "QStackedWidget": "currentIndex setCurrentIndex currentWidget setCurrentWidget addWidget count widget "
                      "currentChanged indexOf",
    "QSplitter": "addWidget setSizes sizes orientation setOrientation",
    "QSpacerItem": "changeSize sizeHint", "QLayout": "addWidget count itemAt removeItem removeWidget takeAt "
                                                     "setContentsMargins setSpacing",
    "QLayoutItem": "widget layout spacerItem", "QWidgetItem": "widget layout spacerItem",
    "QBoxLayout": "addWidget addLayout addStretch addSpacing insertWidget count itemAt",
    "QFile": "exists open close readAll remove fileName ReadOnly WriteOnly size",
    "QIODevice": "ReadOnly WriteOnly ReadWrite Text",
    "QLocale": "toString system c name English UnitedStates setDefault languageToString bcp47Name",
    "QDateTime": "currentDateTime toString toSecsSinceEpoch", "QSysInfo": "productType prettyProductName",
    "QCursor": "shape pos setPos", "QEvent": "type Close Show Hide Resize KeyPress MouseButtonPress "
               "MouseButtonRelease MouseButtonDblClick MouseMove Enter Leave FocusIn FocusOut ToolTip Wheel Drop "
               "DragEnter EnabledChange PaletteChange",
    "QKeyEvent": "key modifiers text type accept ignore", "QMouseEvent": "pos button buttons x y modifiers type",
    "QResizeEvent": "size oldSize", "QCloseEvent": "accept ignore", "QShowEvent": "accept",
    "QHideEvent": "accept", "QDropEvent": "mimeData accept acceptProposedAction",
    "QDragEnterEvent": "mimeData accept acceptProposedAction",
    "QUiLoader": "load", "QStyle": "standardIcon pixelMetric SP_MessageBoxWarning SP_MessageBoxInformation "
                                   "SP_MessageBoxCritical SP_DialogApplyButton SP_FileIcon SP_DirOpenIcon "
                                   "SP_BrowserReload SP_DialogSaveButton SP_DialogCancelButton SP_MediaPlay",
    "QTranslator": "load", "QRegExp": "pattern", "QInputDialog": "getText getItem getInt getDouble",
    "QDialogButtonBox": "addButton button accepted rejected setStandardButtons standardButtons Ok Cancel Close Save "
                        "Yes No Apply",
    "QCompleter": "setModel setCaseSensitivity", "QStatusBar": "showMessage clearMessage",
    "QActionGroup": "addAction actions setExclusive", "QTableWidgetSelectionRange": "topRow bottomRow leftColumn "
                                                                                    "rightColumn",
    "QMainWindow": "statusBar setCentralWidget centralWidget", "QDockWidget": "setWidget widget setTitleBarWidget",
    "QToolBar": "addAction addWidget", "QMenuBar": "addMenu actions", "QTreeWidgetItemIterator": "value",
}
# Namespaces of enumerators only.
NAMESPACES = ("Qt",)
WIDGET_UNLISTED = {"QScrollArea", "QStackedWidget", "QSplitter", "QScrollBar", "QDialogButtonBox", "QStatusBar",
                   "QMainWindow", "QDockWidget", "QToolBar", "QMenuBar", "QInputDialog"}
